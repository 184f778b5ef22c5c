-- WHEN keeps it off the way of the rows that create_broadcast_rows() makes. It spells out broadcast.transaction_mark(),
-- because a client that inserts needs no EXECUTE on what PostgreSQL itself brings.
CREATE TRIGGER take_over_auto_created_row
BEFORE INSERT ON public.broadcast_manager
FOR EACH ROW
WHEN (
    substr(uuid_send(NEW.id), 1, 8) IS DISTINCT FROM int8send(
        ((date_part('epoch', now()) * 1000000)::bigint / 1000 << 16) | 32768
        | ((date_part('epoch', now()) * 1000000)::bigint % 1000 << 2)
    )
)
EXECUTE FUNCTION broadcast.take_over_auto_created_row();

COMMENT ON TRIGGER take_over_auto_created_row ON public.broadcast_manager IS
'A client that still inserts the broadcast row itself gets its own row and keeps its id.';
