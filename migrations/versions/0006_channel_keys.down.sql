-- An index of this name that belongs to a constraint was there before us, and stays.
SELECT 'DROP INDEX CONCURRENTLY public.main_clients_database_client_id_pair_key'
WHERE to_regclass('public.main_clients_database_client_id_pair_key') IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = to_regclass('public.main_clients_database_client_id_pair_key') AND k.contype <> 'f')
\gexec

SELECT 'DROP INDEX CONCURRENTLY public.main_clients_database_pair_key'
WHERE to_regclass('public.main_clients_database_pair_key') IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = to_regclass('public.main_clients_database_pair_key') AND k.contype <> 'f')
\gexec
