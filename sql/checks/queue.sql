CREATE OR REPLACE FUNCTION broadcast.queue()
RETURNS TABLE (due bigint, oldest_due timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        count(*),
        min(b.next_send_time) FILTER (WHERE isfinite(b.next_send_time))
    FROM public.broadcast_manager AS b
    WHERE b.is_active AND b.broadcast_status IN ('pending', 'completed', 'failed') AND b.next_send_time <= now();
$$;

COMMENT ON FUNCTION broadcast.queue() IS
'How many broadcasts are due now, and since when the oldest is.';
REVOKE ALL ON FUNCTION broadcast.queue() FROM public;
