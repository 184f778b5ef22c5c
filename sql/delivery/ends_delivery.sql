CREATE OR REPLACE FUNCTION broadcast.ends_delivery(error_code text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        ends_delivery.error_code IN ('rate_limited', 'network', 'unauthorized', 'worker_stopped'), FALSE
    );
$$;

COMMENT ON FUNCTION broadcast.ends_delivery(text) IS
'Whether nothing more is sent after this error: it is not the channel''s fault, so it is tried again without counting.';
REVOKE ALL ON FUNCTION broadcast.ends_delivery(text) FROM public;
