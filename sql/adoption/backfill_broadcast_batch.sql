CREATE OR REPLACE FUNCTION broadcast.backfill_broadcast_batch(
    open_channel_ids text [], closed_channel_ids text [], spread interval
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET row_security = off
SET lock_timeout = '100ms'
AS $$
DECLARE
    -- As in create_broadcast_rows(), so that no row looks for one to take over.
    mark constant bytea := broadcast.transaction_mark();
    created integer;
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
        'pending', true, now() + random() * spread,
        0, 0, 0, 0, 0,
        now(), now()
    FROM public.main_clients_database AS c
    INNER JOIN unnest(open_channel_ids, closed_channel_ids) AS p (open_channel_id, closed_channel_id)
        ON c.open_channel_id = p.open_channel_id AND c.closed_channel_id = p.closed_channel_id
    -- A channel that a client is changing or deleting right now waits for the next pass, not the client for us.
    FOR KEY SHARE OF c SKIP LOCKED
    ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING;
    GET DIAGNOSTICS created = ROW_COUNT;
    RETURN created;
END;
$$;

COMMENT ON FUNCTION broadcast.backfill_broadcast_batch(text [], text [], interval) IS
'Creates the broadcast rows of these channel pairs, as for new channels, due within the spread.';
REVOKE ALL ON FUNCTION broadcast.backfill_broadcast_batch(text [], text [], interval) FROM public;
