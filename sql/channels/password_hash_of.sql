CREATE OR REPLACE FUNCTION broadcast.password_hash_of(username text)
RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        u.user_id,
        u.password_hash::text
    FROM public.registered_users AS u
    WHERE u.username = password_hash_of.username;
$$;

COMMENT ON FUNCTION broadcast.password_hash_of(text) IS
'Whom a name signs in as, and the bcrypt hash that the password must match; no row where there is none.';
REVOKE ALL ON FUNCTION broadcast.password_hash_of(text) FROM public;
