CREATE OR REPLACE FUNCTION broadcast.reactivate_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    UPDATE public.broadcast_manager AS b
    SET is_active = true,
        consecutive_failures = 0,
        updated_at = now()
    WHERE b.id = reactivate_broadcast.broadcast_id AND b.client_id = reactivate_broadcast.client_id
    RETURNING b.open_channel_id::text, b.closed_channel_id::text;
    IF NOT FOUND THEN
        PERFORM broadcast.refuse_broadcast(reactivate_broadcast.broadcast_id);
    END IF;
    DELETE FROM broadcast.switched_off AS s WHERE s.broadcast_id = reactivate_broadcast.broadcast_id;
END;
$$;

COMMENT ON FUNCTION broadcast.reactivate_broadcast(uuid, uuid) IS
'Switches a client''s broadcast on again, forgets its failures in a row and gives its pair; it goes out if overdue.';
REVOKE ALL ON FUNCTION broadcast.reactivate_broadcast(uuid, uuid) FROM public;
