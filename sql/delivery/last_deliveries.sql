CREATE OR REPLACE FUNCTION broadcast.last_deliveries(client_id uuid, broadcast_ids uuid [])
RETURNS TABLE (broadcast_id uuid, outcomes text [])
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
    SELECT b.id, last.outcomes
    FROM public.broadcast_manager AS b
    CROSS JOIN LATERAL (
        SELECT array_agg(coalesce(d.outcome, 'waiting') ORDER BY d.id) AS outcomes
        FROM (
            SELECT newest.id, newest.outcome
            FROM broadcast.deliveries AS newest
            WHERE newest.broadcast_id = b.id
            ORDER BY newest.id DESC
            LIMIT 30
        ) AS d
    ) AS last
    WHERE b.id = ANY (last_deliveries.broadcast_ids)
        AND b.client_id = last_deliveries.client_id AND last.outcomes IS NOT NULL;
$$;

COMMENT ON FUNCTION broadcast.last_deliveries(uuid, uuid []) IS
'How the last 30 deliveries of each of these broadcasts of a client ended, the oldest first.';
REVOKE ALL ON FUNCTION broadcast.last_deliveries(uuid, uuid []) FROM public;
