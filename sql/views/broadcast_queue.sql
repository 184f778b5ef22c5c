CREATE OR REPLACE VIEW public.broadcast_queue WITH (security_barrier) AS
SELECT
    count(*) AS due,
    min(b.next_send_time) FILTER (WHERE isfinite(b.next_send_time)) AS oldest_due
FROM public.broadcast_manager AS b
-- As text: otherwise a restore spells it in another way.
WHERE b.is_active AND b.broadcast_status::text IN ('pending', 'completed', 'failed') AND b.next_send_time <= now();

COMMENT ON VIEW public.broadcast_queue IS
'How many broadcasts are due now, and since when the oldest is.';
