CREATE UNIQUE INDEX main_clients_database_pair_key
ON public.main_clients_database (open_channel_id, closed_channel_id);

COMMENT ON INDEX public.main_clients_database_pair_key IS
'One channel per pair; made only where no other unique key implies it.';
