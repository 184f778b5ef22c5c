ALTER TABLE public.broadcast_manager
ADD CONSTRAINT broadcast_manager_client_id_pair_fkey
FOREIGN KEY (client_id, open_channel_id, closed_channel_id)
REFERENCES public.main_clients_database (client_id, open_channel_id, closed_channel_id)
ON DELETE CASCADE ON UPDATE CASCADE;

COMMENT ON CONSTRAINT broadcast_manager_client_id_pair_fkey ON public.broadcast_manager IS
'A broadcast row has its channel''s pair and owner, follows them, and goes with the channel.';
