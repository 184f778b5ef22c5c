CREATE OR REPLACE FUNCTION broadcast.sending()
RETURNS TABLE (is_on boolean, note text, under_way bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        s.sending,
        s.sending_note,
        (SELECT count(*) FROM broadcast.deliveries AS d WHERE d.finished_at IS NULL AND d.worker IS NOT NULL)
    FROM broadcast.settings AS s;
$$;

COMMENT ON FUNCTION broadcast.sending() IS
'Whether workers take what is due, why not where they do not, and how many broadcasts are being sent now.';
REVOKE ALL ON FUNCTION broadcast.sending() FROM public;
