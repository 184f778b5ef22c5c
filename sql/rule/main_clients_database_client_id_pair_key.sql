CREATE UNIQUE INDEX main_clients_database_client_id_pair_key
ON public.main_clients_database (client_id, open_channel_id, closed_channel_id);

COMMENT ON INDEX public.main_clients_database_client_id_pair_key IS
'What the broadcast rows'' key points at; leads with the owner, so it also finds the channels of a client.';
