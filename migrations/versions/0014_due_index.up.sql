-- Builds wait for every transaction that is older, but not for ever.
SET lock_timeout = '10min'
\g

-- An earlier attempt that was cut off leaves an index that is not valid.
SELECT 'DROP INDEX CONCURRENTLY public.broadcast_manager_next_send_time_idx'
FROM pg_index AS i
WHERE i.indexrelid = to_regclass('public.broadcast_manager_next_send_time_idx') AND NOT i.indisvalid
\gexec

SELECT 'CREATE INDEX CONCURRENTLY broadcast_manager_next_send_time_idx ON public.broadcast_manager (next_send_time) WHERE is_active'
WHERE NOT EXISTS (
    SELECT FROM pg_index AS i
    INNER JOIN pg_attribute AS a ON i.indrelid = a.attrelid AND i.indkey[0] = a.attnum
    WHERE i.indrelid = 'public.broadcast_manager'::regclass AND i.indisvalid AND a.attname = 'next_send_time'
        AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = 'is_active')
)
\gexec

SELECT 'COMMENT ON INDEX public.broadcast_manager_next_send_time_idx IS
''Finds what is due; made only where no other index does.'''
WHERE to_regclass('public.broadcast_manager_next_send_time_idx') IS NOT NULL
\gexec

SET lock_timeout = 0
\g

-- What 0007 said of client_id counts from the next ANALYZE on.
ANALYZE public.broadcast_manager (client_id)
\g
