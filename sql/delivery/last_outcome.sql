CREATE OR REPLACE FUNCTION broadcast.last_outcome(broadcast_id uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.outcome FROM broadcast.deliveries AS d
    WHERE d.broadcast_id = last_outcome.broadcast_id
    ORDER BY d.id DESC
    LIMIT 1;
$$;

COMMENT ON FUNCTION broadcast.last_outcome(uuid) IS
'How a broadcast''s last delivery ended; NULL while it may go on, or where there was none.';
REVOKE ALL ON FUNCTION broadcast.last_outcome(uuid) FROM public;
