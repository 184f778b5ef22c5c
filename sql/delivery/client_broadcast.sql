CREATE OR REPLACE FUNCTION broadcast.client_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (
    open_channel_id text,
    closed_channel_id text,
    broadcast_status text,
    state text,
    retry_after_seconds integer,
    is_active boolean,
    next_send_time timestamptz,
    last_sent_time timestamptz,
    last_manual_trigger_time timestamptz,
    manual_trigger_count integer,
    total_broadcasts integer,
    successful_broadcasts integer,
    failed_broadcasts integer,
    consecutive_failures integer,
    last_error_message text,
    last_error_time timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        b.open_channel_id,
        b.closed_channel_id,
        b.broadcast_status,
        broadcast.broadcast_state(b),
        coalesce(broadcast.retry_after_seconds(b), 0),
        b.is_active,
        CASE WHEN isfinite(b.next_send_time) THEN b.next_send_time END,
        b.last_sent_time,
        b.last_manual_trigger_time,
        coalesce(b.manual_trigger_count, 0),
        coalesce(b.total_broadcasts, 0),
        coalesce(b.successful_broadcasts, 0),
        coalesce(b.failed_broadcasts, 0),
        coalesce(b.consecutive_failures, 0),
        b.last_error_message,
        b.last_error_time
    -- The outer join has own_broadcast() asked in any case.
    FROM broadcast.own_broadcast(client_broadcast.broadcast_id, client_broadcast.client_id) AS own (id)
    LEFT JOIN public.broadcast_manager AS b ON own.id = b.id;
$$;

COMMENT ON FUNCTION broadcast.client_broadcast(uuid, uuid) IS
'How a client''s own broadcast stands; refused for any other.';
REVOKE ALL ON FUNCTION broadcast.client_broadcast(uuid, uuid) FROM public;
