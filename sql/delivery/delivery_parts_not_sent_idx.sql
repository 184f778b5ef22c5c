CREATE INDEX delivery_parts_not_sent_idx
ON broadcast.delivery_parts (decided_at, state)
WHERE state IN ('failed', 'unknown');

COMMENT ON INDEX broadcast.delivery_parts_not_sent_idx IS
'Counts what lately was not sent, for broadcast.metrics.';
