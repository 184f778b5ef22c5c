CREATE OR REPLACE FUNCTION broadcast.worker_stops(process text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    DELETE FROM broadcast.workers AS w WHERE w.process = worker_stops.process;
$$;

COMMENT ON FUNCTION broadcast.worker_stops(text) IS
'A worker stops, as it was told to.';
REVOKE ALL ON FUNCTION broadcast.worker_stops(text) FROM public;
