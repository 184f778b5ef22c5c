CREATE OR REPLACE FUNCTION broadcast.claim_limit(max_count integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM broadcast.outage AS o WHERE o.ended_at IS NULL) THEN
        RETURN max_count;
    END IF;
    UPDATE broadcast.outage AS o
    SET next_probe_at = clock_timestamp() + s.outage_probe_interval
    FROM broadcast.settings AS s
    WHERE o.ended_at IS NULL AND o.next_probe_at <= clock_timestamp();
    RETURN CASE WHEN FOUND THEN least(max_count, 1) ELSE 0 END;
END;
$$;

COMMENT ON FUNCTION broadcast.claim_limit(integer) IS
'How many broadcasts a worker may claim that asks for so many: all, or in an outage one now and then.';
REVOKE ALL ON FUNCTION broadcast.claim_limit(integer) FROM public;
