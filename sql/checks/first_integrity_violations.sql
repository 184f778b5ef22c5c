CREATE OR REPLACE FUNCTION broadcast.first_integrity_violations(operator_id uuid, max_count integer)
RETURNS SETOF broadcast.integrity_violations
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM broadcast.check_operator(operator_id);
    RETURN QUERY
    SELECT v.*
    FROM broadcast.find_integrity_violations() AS v
    ORDER BY v.severity, v.check_name, v.client_id, v.open_channel_id, v.closed_channel_id, v.broadcast_id
    LIMIT max_count;
END;
$$;

COMMENT ON FUNCTION broadcast.first_integrity_violations(uuid, integer) IS
'What breaks the rule now, worst first, for an operator.';
REVOKE ALL ON FUNCTION broadcast.first_integrity_violations(uuid, integer) FROM public;
