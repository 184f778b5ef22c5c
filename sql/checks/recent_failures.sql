CREATE OR REPLACE FUNCTION broadcast.recent_failures(operator_id uuid, max_count integer)
RETURNS TABLE (
    broadcast_id uuid,
    username text,
    open_channel_id text,
    open_channel_title text,
    consecutive_failures bigint,
    last_error_message text,
    last_error_time timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    PERFORM broadcast.check_operator(operator_id);
    RETURN QUERY
    SELECT
        b.id,
        u.username::text,
        b.open_channel_id::text,
        c.open_channel_title::text,
        coalesce(b.consecutive_failures, 0)::bigint,
        b.last_error_message::text,
        b.last_error_time::timestamptz
    FROM public.broadcast_manager AS b
    LEFT JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    LEFT JOIN public.registered_users AS u ON b.client_id = u.user_id
    WHERE b.broadcast_status = 'failed' OR b.consecutive_failures > 0
    ORDER BY b.last_error_time DESC NULLS LAST, b.id
    LIMIT max_count;
END;
$$;

COMMENT ON FUNCTION broadcast.recent_failures(uuid, integer) IS
'The broadcasts whose last send failed, the latest first, for an operator.';
REVOKE ALL ON FUNCTION broadcast.recent_failures(uuid, integer) FROM public;
