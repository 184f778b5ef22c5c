CREATE OR REPLACE FUNCTION broadcast.is_late(b public.broadcast_manager)
RETURNS boolean
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        b.next_send_time < now() - s.max_lateness
        AND isfinite(b.next_send_time)
        -- Who asked for it by hand still wants it.
        AND NOT broadcast.is_by_hand(b)
        AND NOT EXISTS (
            SELECT FROM broadcast.deliveries AS d
            WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.cause = 'by_hand'
        )
    FROM broadcast.settings AS s;
$$;

COMMENT ON FUNCTION broadcast.is_late(public.broadcast_manager) IS
'Whether a broadcast was due so long ago that it is skipped; never what was asked for by hand.';
REVOKE ALL ON FUNCTION broadcast.is_late(public.broadcast_manager) FROM public;
