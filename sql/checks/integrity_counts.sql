CREATE OR REPLACE FUNCTION broadcast.integrity_counts()
RETURNS TABLE (check_name text, severity text, count bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        v.check_name,
        v.severity,
        count(*)
    FROM broadcast.find_integrity_violations() AS v
    GROUP BY v.check_name, v.severity;
$$;

COMMENT ON FUNCTION broadcast.integrity_counts() IS
'How often each check of find_integrity_violations() finds something; no row for a check that finds nothing.';
REVOKE ALL ON FUNCTION broadcast.integrity_counts() FROM public;
