CREATE OR REPLACE FUNCTION broadcast.client_channels(client_id uuid)
RETURNS json
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Some copies have times without a zone, in UTC.
SET timezone = 'UTC'
AS $$
    SELECT json_build_object(
        'channels', coalesce(json_agg(c ORDER BY c.open_channel_title, c.open_channel_id, c.closed_channel_id), '[]'),
        'count', count(*),
        'max_channels', (SELECT s.max_channels_per_client FROM broadcast.settings AS s)
    )
    FROM (
        SELECT
            c.open_channel_id::text AS open_channel_id,
            c.open_channel_title::text AS open_channel_title,
            c.open_channel_description::text AS open_channel_description,
            c.closed_channel_id::text AS closed_channel_id,
            c.closed_channel_title::text AS closed_channel_title,
            c.closed_channel_description::text AS closed_channel_description,
            c.closed_channel_donation_message::text AS closed_channel_donation_message,
            num_nonnulls(c.sub_1_price, c.sub_2_price, c.sub_3_price) AS tier_count,
            nullif(c.sub_1_price::numeric, 'NaN') AS sub_1_price,
            c.sub_1_time::bigint AS sub_1_time,
            nullif(c.sub_2_price::numeric, 'NaN') AS sub_2_price,
            c.sub_2_time::bigint AS sub_2_time,
            nullif(c.sub_3_price::numeric, 'NaN') AS sub_3_price,
            c.sub_3_time::bigint AS sub_3_time,
            c.client_wallet_address::text AS client_wallet_address,
            c.client_payout_currency::text AS client_payout_currency,
            c.client_payout_network::text AS client_payout_network,
            c.payout_strategy::text AS payout_strategy,
            nullif(c.payout_threshold_usd::numeric, 'NaN') AS payout_threshold_usd,
            broadcast.finite(c.payout_threshold_updated_at) AS payout_threshold_updated_at,
            c.client_id,
            c.created_by::text AS created_by,
            broadcast.finite(c.updated_at) AS updated_at,
            c.notification_status::boolean AS notification_status,
            c.notification_id::text AS notification_id,
            b.id AS broadcast_id,
            CASE WHEN b.id IS NOT NULL THEN broadcast.broadcast_state(b) END AS state,
            CASE WHEN b.id IS NOT NULL THEN broadcast.off_reason(b) END AS off_reason,
            CASE WHEN b.id IS NOT NULL THEN coalesce(broadcast.retry_after_seconds(b), 0) END AS retry_after_seconds,
            b.is_active,
            broadcast.finite(b.next_send_time) AS next_send_time,
            broadcast.finite(b.last_sent_time) AS last_sent_time,
            b.total_broadcasts::bigint AS total_broadcasts,
            b.successful_broadcasts::bigint AS successful_broadcasts,
            b.failed_broadcasts::bigint AS failed_broadcasts,
            b.consecutive_failures::bigint AS consecutive_failures,
            b.last_error_message::text AS last_error_message,
            broadcast.finite(b.last_error_time) AS last_error_time,
            broadcast.finite(b.last_manual_trigger_time) AS last_manual_trigger_time
        FROM public.main_clients_database AS c
        LEFT JOIN public.broadcast_manager AS b
            ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
        WHERE c.client_id = client_channels.client_id
    ) AS c;
$$;

COMMENT ON FUNCTION broadcast.client_channels(uuid) IS
'A client''s channels by title, each with its broadcast, how many there are and may be, as one JSON text.';
REVOKE ALL ON FUNCTION broadcast.client_channels(uuid) FROM public;
