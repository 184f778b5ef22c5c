-- An earlier attempt that was cut off leaves an index that is not valid.
SELECT 'DROP INDEX CONCURRENTLY public.broadcast_delivery_parts_not_sent_idx'
FROM pg_index AS i
WHERE i.indexrelid = to_regclass('public.broadcast_delivery_parts_not_sent_idx') AND NOT i.indisvalid
\gexec

CREATE INDEX CONCURRENTLY IF NOT EXISTS broadcast_delivery_parts_not_sent_idx
ON public.broadcast_delivery_parts (decided_at, state)
WHERE state IN ('failed', 'unknown');
\g

COMMENT ON INDEX public.broadcast_delivery_parts_not_sent_idx IS
'Counts what lately was not sent, for broadcast_metrics.';
\g
