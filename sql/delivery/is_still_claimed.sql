CREATE OR REPLACE FUNCTION broadcast.is_still_claimed(delivery_id bigint, worker text, seconds double precision)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT EXISTS (
        SELECT FROM broadcast.deliveries AS d
        WHERE d.id = is_still_claimed.delivery_id
            AND d.worker = is_still_claimed.worker
            AND d.finished_at IS NULL
            AND d.lease_until > clock_timestamp() + make_interval(secs => is_still_claimed.seconds)
    );
$$;

COMMENT ON FUNCTION broadcast.is_still_claimed(bigint, text, double precision) IS
'Whether a delivery is this worker''s, for so many seconds more at least.';
REVOKE ALL ON FUNCTION broadcast.is_still_claimed(bigint, text, double precision) FROM public;
