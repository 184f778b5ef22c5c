CREATE OR REPLACE FUNCTION broadcast.broadcasts_by_state()
RETURNS TABLE (state text, count bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        broadcast.broadcast_state(b),
        count(*)
    FROM public.broadcast_manager AS b
    GROUP BY 1;
$$;

COMMENT ON FUNCTION broadcast.broadcasts_by_state() IS
'How many broadcasts are in each state of broadcast_state().';
REVOKE ALL ON FUNCTION broadcast.broadcasts_by_state() FROM public;
