CREATE OR REPLACE FUNCTION broadcast.client_channels(client_id uuid)
RETURNS TABLE (
    open_channel_id text,
    open_channel_title text,
    open_channel_description text,
    closed_channel_id text,
    closed_channel_title text,
    closed_channel_description text,
    closed_channel_donation_message text,
    tier_count integer,
    sub_1_price numeric,
    sub_1_time smallint,
    sub_2_price numeric,
    sub_2_time smallint,
    sub_3_price numeric,
    sub_3_time smallint,
    client_wallet_address text,
    client_payout_currency text,
    client_payout_network text,
    payout_strategy text,
    payout_threshold_usd numeric,
    payout_threshold_updated_at timestamptz,
    created_by text,
    updated_at timestamptz,
    notification_status boolean,
    notification_id bigint,
    broadcast_id uuid,
    state text,
    retry_after_seconds integer,
    is_active boolean,
    next_send_time timestamptz,
    last_sent_time timestamptz,
    total_broadcasts integer,
    successful_broadcasts integer,
    failed_broadcasts integer,
    consecutive_failures integer,
    last_error_message text,
    last_error_time timestamptz,
    last_manual_trigger_time timestamptz
)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        c.open_channel_id,
        c.open_channel_title,
        c.open_channel_description,
        c.closed_channel_id,
        c.closed_channel_title,
        c.closed_channel_description,
        c.closed_channel_donation_message,
        num_nonnulls(c.sub_1_price, c.sub_2_price, c.sub_3_price),
        c.sub_1_price,
        c.sub_1_time,
        c.sub_2_price,
        c.sub_2_time,
        c.sub_3_price,
        c.sub_3_time,
        c.client_wallet_address,
        c.client_payout_currency::text,
        c.client_payout_network::text,
        c.payout_strategy,
        c.payout_threshold_usd,
        c.payout_threshold_updated_at,
        c.created_by,
        c.updated_at,
        c.notification_status,
        c.notification_id,
        b.id,
        CASE WHEN b.id IS NOT NULL THEN broadcast.broadcast_state(b) END,
        CASE WHEN b.id IS NOT NULL THEN coalesce(broadcast.retry_after_seconds(b), 0) END,
        b.is_active,
        CASE WHEN isfinite(b.next_send_time) THEN b.next_send_time END,
        b.last_sent_time,
        b.total_broadcasts,
        b.successful_broadcasts,
        b.failed_broadcasts,
        b.consecutive_failures,
        b.last_error_message,
        b.last_error_time,
        b.last_manual_trigger_time
    FROM public.main_clients_database AS c
    LEFT JOIN public.broadcast_manager AS b
        ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
    WHERE c.client_id = client_channels.client_id
    ORDER BY c.open_channel_title, c.open_channel_id, c.closed_channel_id;
$$;

COMMENT ON FUNCTION broadcast.client_channels(uuid) IS
'A client''s channels by title, each with its broadcast; NULL there where the row is missing.';
REVOKE ALL ON FUNCTION broadcast.client_channels(uuid) FROM public;
