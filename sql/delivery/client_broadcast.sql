CREATE OR REPLACE FUNCTION broadcast.client_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (
    open_channel_id text,
    closed_channel_id text,
    broadcast_status text,
    state text,
    off_reason text,
    retry_after_seconds integer,
    is_active boolean,
    schedule jsonb,
    next_turn timestamptz,
    next_send_time timestamptz,
    last_sent_time timestamptz,
    last_manual_trigger_time timestamptz,
    manual_trigger_count bigint,
    total_broadcasts bigint,
    successful_broadcasts bigint,
    failed_broadcasts bigint,
    consecutive_failures bigint,
    last_error_message text,
    last_error_time timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- In some databases the times have no time zone; they are UTC.
SET timezone = 'UTC'
AS $$
BEGIN
    RETURN QUERY
    SELECT
        b.open_channel_id::text,
        b.closed_channel_id::text,
        b.broadcast_status::text,
        broadcast.broadcast_state(b),
        broadcast.off_reason(b),
        coalesce(broadcast.retry_after_seconds(b), 0),
        b.is_active,
        broadcast.schedule_of(b.id),
        broadcast.finite(CASE
            WHEN b.is_active THEN b.next_send_time
            ELSE broadcast.next_turn(b.id, b.next_send_time, now())
        END),
        broadcast.finite(b.next_send_time),
        broadcast.finite(b.last_sent_time),
        broadcast.finite(b.last_manual_trigger_time),
        coalesce(b.manual_trigger_count, 0)::bigint,
        coalesce(b.total_broadcasts, 0)::bigint,
        coalesce(b.successful_broadcasts, 0)::bigint,
        coalesce(b.failed_broadcasts, 0)::bigint,
        coalesce(b.consecutive_failures, 0)::bigint,
        b.last_error_message::text,
        broadcast.finite(b.last_error_time)
    FROM public.broadcast_manager AS b
    WHERE b.id = client_broadcast.broadcast_id AND b.client_id = client_broadcast.client_id;
    IF NOT FOUND THEN
        PERFORM broadcast.refuse_broadcast(client_broadcast.broadcast_id);
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.client_broadcast(uuid, uuid) IS
'How a client''s own broadcast stands; refused for any other.';
REVOKE ALL ON FUNCTION broadcast.client_broadcast(uuid, uuid) FROM public;
