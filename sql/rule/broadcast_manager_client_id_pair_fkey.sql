ALTER TABLE public.broadcast_manager
ADD CONSTRAINT broadcast_manager_client_id_pair_fkey
FOREIGN KEY (client_id, open_channel_id, closed_channel_id)
REFERENCES public.main_clients_database (client_id, open_channel_id, closed_channel_id)
ON DELETE CASCADE ON UPDATE CASCADE;

COMMENT ON CONSTRAINT broadcast_manager_client_id_pair_fkey ON public.broadcast_manager IS
'A broadcast row has its channel''s pair and owner, follows them, and goes with the channel.';

-- Most clients have one channel. PostgreSQL would take an index on client_id alone for this key's lookups, and read all
-- rows of a client with many channels once for each of them. It is told to expect a hundred rows of each client.
ALTER TABLE public.broadcast_manager ALTER COLUMN client_id SET (n_distinct = -0.01);
