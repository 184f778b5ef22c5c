CREATE OR REPLACE FUNCTION broadcast.record_login(user_id uuid)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    UPDATE public.registered_users AS u
    SET last_login = now()
    WHERE u.user_id = record_login.user_id;
$$;

COMMENT ON FUNCTION broadcast.record_login(uuid) IS
'Notes that a user has just signed in.';
REVOKE ALL ON FUNCTION broadcast.record_login(uuid) FROM public;
