CREATE OR REPLACE FUNCTION broadcast.set_schedule(broadcast_id uuid, client_id uuid, schedule jsonb)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
    stored constant public.broadcast_manager :=
        broadcast.own_broadcast(set_schedule.broadcast_id, set_schedule.client_id);
BEGIN
    PERFORM broadcast.store_schedule(stored.id, set_schedule.schedule);
    -- What is being sent, is to be tried again, or was asked for by hand stays: its end plans the next turn.
    UPDATE public.broadcast_manager AS b
    SET next_send_time = broadcast.next_turn(b.id, b.last_sent_time, now()),
        updated_at = now()
    WHERE b.id = stored.id
        AND b.broadcast_status IS DISTINCT FROM 'in_progress'
        AND NOT broadcast.is_by_hand(b)
        AND NOT EXISTS (
            SELECT FROM broadcast.deliveries AS d WHERE d.broadcast_id = b.id AND d.finished_at IS NULL
        );
    RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
END;
$$;

COMMENT ON FUNCTION broadcast.set_schedule(uuid, uuid, jsonb) IS
'Changes when a client''s broadcast is sent, plans its next turn by it and gives its pair; see store_schedule().';
REVOKE ALL ON FUNCTION broadcast.set_schedule(uuid, uuid, jsonb) FROM public;
