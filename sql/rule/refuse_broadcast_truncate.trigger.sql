CREATE TRIGGER refuse_broadcast_truncate
BEFORE TRUNCATE ON public.broadcast_manager
FOR EACH STATEMENT EXECUTE FUNCTION broadcast.refuse_broadcast_truncate();

COMMENT ON TRIGGER refuse_broadcast_truncate ON public.broadcast_manager IS
'TRUNCATE does not get around the rule, and TRUNCATE CASCADE does not silently take the channels along.';
