CREATE TRIGGER take_over_auto_created_row
BEFORE INSERT ON public.broadcast_manager
FOR EACH ROW
WHEN (substr(uuid_send(NEW.id), 1, 6) IS DISTINCT FROM substr(xid8send(pg_current_xact_id()), 3))
EXECUTE FUNCTION public.take_over_auto_created_row();

COMMENT ON TRIGGER take_over_auto_created_row ON public.broadcast_manager IS
'A client that still inserts the broadcast row itself gets its own row and keeps its id.';
