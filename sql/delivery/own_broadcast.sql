CREATE OR REPLACE FUNCTION broadcast.own_broadcast(broadcast_id uuid, client_id uuid)
RETURNS uuid
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id constant uuid := (SELECT b.client_id FROM public.broadcast_manager AS b WHERE b.id = broadcast_id);
BEGIN
    IF owner_id IS NULL THEN
        RAISE EXCEPTION 'there is no broadcast %', broadcast_id USING ERRCODE = 'BM010';
    ELSIF owner_id IS DISTINCT FROM client_id THEN
        RAISE EXCEPTION 'broadcast % belongs to another client', broadcast_id USING ERRCODE = 'BM011';
    END IF;
    RETURN broadcast_id;
END;
$$;

COMMENT ON FUNCTION broadcast.own_broadcast(uuid, uuid) IS
'The id again when the broadcast is there and the client''s own.';
REVOKE ALL ON FUNCTION broadcast.own_broadcast(uuid, uuid) FROM public;
