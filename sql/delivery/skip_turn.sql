CREATE OR REPLACE FUNCTION broadcast.skip_turn(b public.broadcast_manager, code text, message text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
AS $$
    WITH ended AS (
        UPDATE broadcast.deliveries AS d
        SET finished_at = now(), outcome = 'skipped', error_code = skip_turn.code, error_message = skip_turn.message
        WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.worker IS NULL
        RETURNING d.id
    )
    INSERT INTO broadcast.deliveries (broadcast_id, due_at, finished_at, outcome, error_code, error_message)
    SELECT b.id, broadcast.finite(b.next_send_time), now(), 'skipped', skip_turn.code, skip_turn.message
    WHERE NOT EXISTS (SELECT FROM ended);
    UPDATE public.broadcast_manager AS m
    SET broadcast_status = 'pending',
        next_send_time = broadcast.next_turn(b.id, b.next_send_time, greatest(b.next_send_time, now())),
        updated_at = now()
    WHERE m.id = b.id;
$$;

COMMENT ON FUNCTION broadcast.skip_turn(public.broadcast_manager, text, text) IS
'Leaves out a turn of a broadcast that the caller has locked: says so in its history, and plans the next one.';
REVOKE ALL ON FUNCTION broadcast.skip_turn(public.broadcast_manager, text, text) FROM public;
