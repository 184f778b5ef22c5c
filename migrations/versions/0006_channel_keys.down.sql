DROP INDEX CONCURRENTLY IF EXISTS public.main_clients_database_client_id_pair_key
\g

DROP INDEX CONCURRENTLY IF EXISTS public.main_clients_database_pair_key
\g
