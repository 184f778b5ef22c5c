CREATE OR REPLACE FUNCTION broadcast.reactivate_broadcast(
    broadcast_id uuid, client_id uuid, at_once boolean DEFAULT FALSE
)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
    stored constant public.broadcast_manager :=
        broadcast.own_broadcast(reactivate_broadcast.broadcast_id, reactivate_broadcast.client_id);
BEGIN
    IF stored.is_active IS NOT TRUE THEN
        -- Another program may have switched it off between two attempts.
        UPDATE broadcast.deliveries AS d
        SET finished_at = now(), outcome = 'failed'
        WHERE d.broadcast_id = stored.id AND d.finished_at IS NULL AND d.worker IS NULL;
    END IF;
    UPDATE public.broadcast_manager AS b
    SET is_active = true,
        consecutive_failures = 0,
        -- What is being sent plans its next turn when it ends.
        next_send_time = CASE
            WHEN stored.is_active OR broadcast.is_being_sent(stored) THEN b.next_send_time
            ELSE broadcast.next_turn(b.id, b.next_send_time, now())
        END,
        updated_at = now()
    WHERE b.id = stored.id;
    DELETE FROM broadcast.switched_off AS s WHERE s.broadcast_id = stored.id;
    IF reactivate_broadcast.at_once THEN
        RETURN QUERY SELECT r.open_channel_id, r.closed_channel_id
        FROM broadcast.request_broadcast(stored.id, stored.client_id) AS r;
    ELSE
        RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.reactivate_broadcast(uuid, uuid, boolean) IS
'Switches a client''s broadcast on again, forgets its failures in a row and gives its pair. It takes its next turn: '
'what was overdue is not sent. At once: it is triggered by hand besides.';
REVOKE ALL ON FUNCTION broadcast.reactivate_broadcast(uuid, uuid, boolean) FROM public;
