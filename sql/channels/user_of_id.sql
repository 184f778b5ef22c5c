CREATE OR REPLACE FUNCTION broadcast.user_of_id(user_id uuid)
RETURNS TABLE (
    username text,
    email text,
    email_verified boolean,
    is_active boolean,
    created_at timestamptz,
    last_login timestamptz,
    is_operator boolean
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Some copies have times without a zone, in UTC.
SET timezone = 'UTC'
AS $$
    SELECT
        u.username::text,
        u.email::text,
        coalesce(u.email_verified::boolean, FALSE),
        coalesce(u.is_active::boolean, FALSE),
        broadcast.finite(u.created_at),
        broadcast.finite(u.last_login),
        EXISTS (SELECT FROM broadcast.operators AS o WHERE o.user_id = u.user_id)
    FROM public.registered_users AS u
    WHERE u.user_id = user_of_id.user_id;
$$;

COMMENT ON FUNCTION broadcast.user_of_id(uuid) IS
'The user of an id, switched off or not, and whether an operator; no row where there is none.';
REVOKE ALL ON FUNCTION broadcast.user_of_id(uuid) FROM public;
