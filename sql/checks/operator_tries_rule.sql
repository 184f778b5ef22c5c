CREATE OR REPLACE FUNCTION broadcast.operator_tries_rule(operator_id uuid)
RETURNS TABLE (step text, is_done boolean, detail text, error_code text, trigger_name text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    PERFORM broadcast.check_operator(operator_id);
    RETURN QUERY SELECT t.step, t.is_done, t.detail, t.error_code, t.trigger_name FROM broadcast.try_rule() AS t;
END;
$$;

COMMENT ON FUNCTION broadcast.operator_tries_rule(uuid) IS
'try_rule(), for an operator.';
REVOKE ALL ON FUNCTION broadcast.operator_tries_rule(uuid) FROM public;
