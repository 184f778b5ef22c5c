CREATE OR REPLACE FUNCTION broadcast.skip_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    stored constant public.broadcast_manager :=
        broadcast.own_broadcast(skip_broadcast.broadcast_id, skip_broadcast.client_id);
BEGIN
    IF broadcast.is_being_sent(stored) THEN
        RAISE EXCEPTION 'broadcast % is being sent', stored.id USING ERRCODE = 'BM013';
    ELSIF stored.is_active IS NOT TRUE THEN
        RAISE EXCEPTION 'broadcast % is switched off', stored.id
        USING ERRCODE = 'BM012', HINT = 'Switch it on again: reactivate_broadcast().';
    ELSIF stored.next_send_time IS NULL OR NOT isfinite(stored.next_send_time) THEN
        RAISE EXCEPTION 'broadcast % has no next turn', stored.id
        USING ERRCODE = 'BM018', HINT = 'It is sent by hand only: set_schedule() gives it turns.';
    END IF;
    PERFORM broadcast.skip_turn(stored, 'skipped_by_owner', 'You had it left out.');
    RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
END;
$$;

COMMENT ON FUNCTION broadcast.skip_broadcast(uuid, uuid) IS
'Leaves out the next turn of a client''s broadcast and gives its pair; refused when off, being sent or by hand only.';
REVOKE ALL ON FUNCTION broadcast.skip_broadcast(uuid, uuid) FROM public;
