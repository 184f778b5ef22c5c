CREATE OR REPLACE FUNCTION broadcast.time_zones()
RETURNS text []
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(z.name ORDER BY z.name)
    FROM pg_timezone_names AS z
    WHERE z.name = 'UTC' OR z.name ~ '^(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/';
$$;

COMMENT ON FUNCTION broadcast.time_zones() IS
'The time zones that a form offers; store_schedule() takes every one that this server knows.';
REVOKE ALL ON FUNCTION broadcast.time_zones() FROM public;
