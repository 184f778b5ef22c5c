CREATE OR REPLACE FUNCTION broadcast.end_outage()
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    WITH ended AS (
        UPDATE broadcast.outage AS o
        SET ended_at = clock_timestamp()
        WHERE o.ended_at IS NULL
        RETURNING o.ended_at
    )

    -- Workers that wait look at once.
    SELECT pg_notify('broadcast_manager_due', '') FROM ended AS e;
$$;

COMMENT ON FUNCTION broadcast.end_outage() IS
'A broadcast went out: sending goes on at its full rate.';
REVOKE ALL ON FUNCTION broadcast.end_outage() FROM public;
