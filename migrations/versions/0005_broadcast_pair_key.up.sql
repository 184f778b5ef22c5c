-- Builds wait for every transaction that is older, but not for ever.
SET lock_timeout = '10min'
\g

-- Unique by the pair, under whatever name. Old copies have no such key, so they can hold several rows for one pair.
SELECT 'SELECT broadcast.quarantine_duplicate_broadcasts()'
WHERE NOT EXISTS (
    SELECT FROM pg_index AS i
    WHERE i.indrelid = 'public.broadcast_manager'::regclass
        AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
        AND ARRAY['closed_channel_id', 'open_channel_id'] = (
            SELECT array_agg(a.attname::text ORDER BY a.attname)
            FROM pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::smallint [])[0:i.indnkeyatts - 1])
        )
)
\gexec

-- An earlier attempt that was cut off leaves an index that is not valid.
SELECT 'DROP INDEX CONCURRENTLY public.broadcast_manager_pair_key'
FROM pg_index AS i
WHERE i.indexrelid = to_regclass('public.broadcast_manager_pair_key') AND NOT i.indisvalid
\gexec

SELECT 'CREATE UNIQUE INDEX CONCURRENTLY broadcast_manager_pair_key ON public.broadcast_manager (open_channel_id, closed_channel_id)'
WHERE NOT EXISTS (
    SELECT FROM pg_index AS i
    WHERE i.indrelid = 'public.broadcast_manager'::regclass
        AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
        AND ARRAY['closed_channel_id', 'open_channel_id'] = (
            SELECT array_agg(a.attname::text ORDER BY a.attname)
            FROM pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::smallint [])[0:i.indnkeyatts - 1])
        )
)
\gexec

SELECT 'COMMENT ON INDEX public.broadcast_manager_pair_key IS
''One broadcast row per channel pair.'''
WHERE to_regclass('public.broadcast_manager_pair_key') IS NOT NULL
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = to_regclass('public.broadcast_manager_pair_key') AND k.contype <> 'f')
\gexec

SET lock_timeout = 0
\g
