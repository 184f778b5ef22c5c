CREATE OR REPLACE FUNCTION public.create_broadcast_rows()
RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- The first six octets of the id are this transaction's own number: by them take_over_auto_created_row()
    -- knows what was created here and now.
    INSERT INTO public.broadcast_manager (
        id, client_id, open_channel_id, closed_channel_id,
        broadcast_status, is_active, next_send_time,
        total_broadcasts, successful_broadcasts, failed_broadcasts, consecutive_failures, manual_trigger_count,
        created_at, updated_at
    )
    SELECT
        encode(overlay(uuid_send(gen_random_uuid()) PLACING substr(xid8send(pg_current_xact_id()), 3) FROM 1), 'hex')::uuid,
        c.client_id, c.open_channel_id, c.closed_channel_id,
        'pending', true, now(),
        0, 0, 0, 0, 0,
        now(), now()
    FROM new_channels AS c
    -- The row can be there already: a client of old made it in the same statement, or a trigger of its own did.
    ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.create_broadcast_rows() IS
'Creates the broadcast row of every channel that the statement inserted.';
REVOKE ALL ON FUNCTION public.create_broadcast_rows() FROM public;
