CREATE OR REPLACE FUNCTION broadcast.own_broadcast(broadcast_id uuid, client_id uuid)
RETURNS public.broadcast_manager
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    stored public.broadcast_manager;
BEGIN
    SELECT b.* INTO stored FROM public.broadcast_manager AS b
    WHERE b.id = own_broadcast.broadcast_id AND b.client_id = own_broadcast.client_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM broadcast.refuse_broadcast(own_broadcast.broadcast_id);
    END IF;
    RETURN stored;
END;
$$;

COMMENT ON FUNCTION broadcast.own_broadcast(uuid, uuid) IS
'A client''s own broadcast, locked: of two calls the second one sees what the first has done; refused for any other.';
REVOKE ALL ON FUNCTION broadcast.own_broadcast(uuid, uuid) FROM public;
