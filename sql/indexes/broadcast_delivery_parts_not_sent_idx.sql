CREATE INDEX broadcast_delivery_parts_not_sent_idx
ON public.broadcast_delivery_parts (decided_at, state)
WHERE state IN ('failed', 'unknown');

COMMENT ON INDEX public.broadcast_delivery_parts_not_sent_idx IS
'Counts what lately was not sent, for broadcast_metrics.';
