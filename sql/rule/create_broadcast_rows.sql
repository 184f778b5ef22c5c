CREATE OR REPLACE FUNCTION broadcast.create_broadcast_rows()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- By it take_over_auto_created_row() knows what was created here and now.
    mark constant bytea := broadcast.transaction_mark();
BEGIN
    INSERT INTO public.broadcast_manager (
        id, client_id, open_channel_id, closed_channel_id,
        broadcast_status, is_active, next_send_time,
        total_broadcasts, successful_broadcasts, failed_broadcasts, consecutive_failures, manual_trigger_count,
        created_at, updated_at
    )
    SELECT
        encode(overlay(uuid_send(gen_random_uuid()) PLACING mark FROM 1), 'hex')::uuid,
        c.client_id, c.open_channel_id, c.closed_channel_id,
        'pending', true, now(),
        0, 0, 0, 0, 0,
        now(), now()
    FROM new_channels AS c
    -- The row can be there already: an older client made it in the same statement, or a trigger of its own did.
    ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION broadcast.create_broadcast_rows() IS
'Creates the broadcast row of every channel that the statement inserted.';
REVOKE ALL ON FUNCTION broadcast.create_broadcast_rows() FROM public;
