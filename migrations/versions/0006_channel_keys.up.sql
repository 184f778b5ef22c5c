-- Builds wait for every transaction that is older, but not for ever.
SET lock_timeout = '10min'
\g

-- One channel per pair: made only where no unique key implies it.
-- An earlier attempt that was cut off leaves an index that is not valid.
SELECT 'DROP INDEX CONCURRENTLY public.main_clients_database_pair_key'
FROM pg_index AS i
WHERE i.indexrelid = to_regclass('public.main_clients_database_pair_key') AND NOT i.indisvalid
\gexec

SELECT 'CREATE UNIQUE INDEX CONCURRENTLY main_clients_database_pair_key ON public.main_clients_database (open_channel_id, closed_channel_id)'
WHERE NOT EXISTS (
    SELECT FROM pg_index AS i
    WHERE i.indrelid = 'public.main_clients_database'::regclass
        AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
        AND ARRAY['closed_channel_id', 'open_channel_id'] @> (
            SELECT array_agg(a.attname::text ORDER BY a.attname)
            FROM pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::smallint [])[0:i.indnkeyatts - 1])
        )
)
\gexec

SELECT 'COMMENT ON INDEX public.main_clients_database_pair_key IS
''One channel per pair; made only where no other unique key implies it.'''
WHERE to_regclass('public.main_clients_database_pair_key') IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = to_regclass('public.main_clients_database_pair_key') AND k.contype <> 'f')
\gexec

-- What the broadcast rows' key will point at.
-- An earlier attempt that was cut off leaves an index that is not valid.
SELECT 'DROP INDEX CONCURRENTLY public.main_clients_database_client_id_pair_key'
FROM pg_index AS i
WHERE i.indexrelid = to_regclass('public.main_clients_database_client_id_pair_key') AND NOT i.indisvalid
\gexec

SELECT 'CREATE UNIQUE INDEX CONCURRENTLY main_clients_database_client_id_pair_key ON public.main_clients_database (client_id, open_channel_id, closed_channel_id)'
WHERE NOT EXISTS (
    SELECT FROM pg_index AS i
    WHERE i.indrelid = 'public.main_clients_database'::regclass
        AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
        AND ARRAY['client_id', 'closed_channel_id', 'open_channel_id'] = (
            SELECT array_agg(a.attname::text ORDER BY a.attname)
            FROM pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::smallint [])[0:i.indnkeyatts - 1])
        )
)
\gexec

SELECT 'COMMENT ON INDEX public.main_clients_database_client_id_pair_key IS
''What the broadcast rows'''' key points at; leads with the owner, so it also finds the channels of a client.'''
WHERE to_regclass('public.main_clients_database_client_id_pair_key') IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = to_regclass('public.main_clients_database_client_id_pair_key') AND k.contype <> 'f')
\gexec

SET lock_timeout = 0
\g
