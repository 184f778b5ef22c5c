CREATE OR REPLACE FUNCTION public.check_operator(operator_id uuid)
RETURNS void
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.broadcast_manager_operators AS o WHERE o.user_id = operator_id) THEN
        RAISE EXCEPTION 'user % is no operator', operator_id
        USING ERRCODE = 'BM015', HINT = 'Operators are the users named in broadcast_manager_operators.';
    END IF;
END;
$$;

COMMENT ON FUNCTION public.check_operator(uuid) IS
'Refuses whoever is not named in broadcast_manager_operators.';
REVOKE ALL ON FUNCTION public.check_operator(uuid) FROM public;
