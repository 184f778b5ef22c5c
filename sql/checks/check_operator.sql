CREATE OR REPLACE FUNCTION broadcast.check_operator(operator_id uuid)
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM broadcast.operators AS o WHERE o.user_id = operator_id) THEN
        RAISE EXCEPTION 'user % is no operator', operator_id
        USING ERRCODE = 'BM015', HINT = 'Operators are the users named in broadcast.operators.';
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.check_operator(uuid) IS
'Refuses whoever is not named in broadcast.operators.';
REVOKE ALL ON FUNCTION broadcast.check_operator(uuid) FROM public;
