CREATE OR REPLACE FUNCTION broadcast.off_reason(b public.broadcast_manager)
RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT CASE WHEN b.is_active IS NOT TRUE THEN coalesce(
        (SELECT s.reason FROM broadcast.switched_off AS s WHERE s.broadcast_id = b.id), 'other'
    ) END;
$$;

COMMENT ON FUNCTION broadcast.off_reason(public.broadcast_manager) IS
'Why the broadcast is off: failures, owner, operator, or other where another program did it; NULL while it is on.';
REVOKE ALL ON FUNCTION broadcast.off_reason(public.broadcast_manager) FROM public;
