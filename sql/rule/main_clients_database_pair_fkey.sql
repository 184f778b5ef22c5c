ALTER TABLE public.main_clients_database
ADD CONSTRAINT main_clients_database_pair_fkey
FOREIGN KEY (open_channel_id, closed_channel_id)
REFERENCES public.broadcast_manager (open_channel_id, closed_channel_id)
DEFERRABLE INITIALLY DEFERRED;

COMMENT ON CONSTRAINT main_clients_database_pair_fkey ON public.main_clients_database IS
'No channel is committed without its broadcast row. If it refuses an INSERT before COMMIT, '
'SET CONSTRAINTS ALL IMMEDIATE is in force: SET CONSTRAINTS main_clients_database_pair_fkey DEFERRED.';
