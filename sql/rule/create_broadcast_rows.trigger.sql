CREATE TRIGGER create_broadcast_rows
AFTER INSERT ON public.main_clients_database
REFERENCING NEW TABLE AS new_channels
FOR EACH STATEMENT EXECUTE FUNCTION broadcast.create_broadcast_rows();

COMMENT ON TRIGGER create_broadcast_rows ON public.main_clients_database IS
'Every new channel gets its broadcast row in the same transaction.';
