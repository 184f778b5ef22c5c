CREATE OR REPLACE FUNCTION broadcast.pause_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    stored constant public.broadcast_manager :=
        broadcast.own_broadcast(pause_broadcast.broadcast_id, pause_broadcast.client_id);
BEGIN
    -- What is off already keeps its reason.
    IF stored.is_active THEN
        PERFORM broadcast.switch_off(stored.id, 'owner');
    END IF;
    RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
END;
$$;

COMMENT ON FUNCTION broadcast.pause_broadcast(uuid, uuid) IS
'Pauses a client''s broadcast and gives its pair; what is being sent is finished, and nothing after it is sent.';
REVOKE ALL ON FUNCTION broadcast.pause_broadcast(uuid, uuid) FROM public;
