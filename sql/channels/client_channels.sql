CREATE OR REPLACE FUNCTION broadcast.client_channels(
    client_id uuid,
    sort text DEFAULT 'newest',
    open_channel_ids text [] DEFAULT NULL,
    closed_channel_ids text [] DEFAULT NULL
)
RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Some copies have times without a zone, in UTC.
SET timezone = 'UTC'
AS $$
    SELECT json_build_object(
        'channels', coalesce(
            json_agg(
                shown ORDER BY
                    CASE client_channels.sort WHEN 'title' THEN shown.open_channel_title END,
                    CASE client_channels.sort WHEN 'oldest' THEN to_jsonb(c) -> 'id' END,
                    to_jsonb(c) -> 'id' DESC,
                    shown.open_channel_id,
                    shown.closed_channel_id
            ),
            '[]'
        ),
        'count', count(*),
        'max_channels', (SELECT s.max_channels_per_client FROM broadcast.settings AS s)
    )
    FROM public.main_clients_database AS c
    LEFT JOIN public.broadcast_manager AS b
        ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
    CROSS JOIN LATERAL (
        SELECT
            c.open_channel_id::text AS open_channel_id,
            c.open_channel_title::text AS open_channel_title,
            c.open_channel_description::text AS open_channel_description,
            c.closed_channel_id::text AS closed_channel_id,
            c.closed_channel_title::text AS closed_channel_title,
            c.closed_channel_description::text AS closed_channel_description,
            c.closed_channel_donation_message::text AS closed_channel_donation_message,
            num_nonnulls(c.sub_1_price, c.sub_2_price, c.sub_3_price) AS tier_count,
            CASE WHEN abs(c.sub_1_price::numeric) < 'Infinity' THEN c.sub_1_price::numeric END AS sub_1_price,
            c.sub_1_time::bigint AS sub_1_time,
            CASE WHEN abs(c.sub_2_price::numeric) < 'Infinity' THEN c.sub_2_price::numeric END AS sub_2_price,
            c.sub_2_time::bigint AS sub_2_time,
            CASE WHEN abs(c.sub_3_price::numeric) < 'Infinity' THEN c.sub_3_price::numeric END AS sub_3_price,
            c.sub_3_time::bigint AS sub_3_time,
            c.client_wallet_address::text AS client_wallet_address,
            c.client_payout_currency::text AS client_payout_currency,
            c.client_payout_network::text AS client_payout_network,
            c.payout_strategy::text AS payout_strategy,
            CASE
                WHEN abs(c.payout_threshold_usd::numeric) < 'Infinity' THEN c.payout_threshold_usd::numeric
            END AS payout_threshold_usd,
            -- A column that some copies have: what has come together for the next payout.
            CASE
                WHEN jsonb_typeof(to_jsonb(c) -> 'accumulated_amount') = 'number' THEN to_jsonb(c) -> 'accumulated_amount'
            END AS accumulated_amount,
            broadcast.finite(c.payout_threshold_updated_at) AS payout_threshold_updated_at,
            c.client_id,
            c.created_by::text AS created_by,
            broadcast.finite(c.updated_at) AS updated_at,
            c.notification_status::boolean AS notification_status,
            c.notification_id::text AS notification_id,
            broadcast.channel_problem(c) AS problem,
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
    ) AS shown
    WHERE c.client_id = client_channels.client_id
        AND (
            client_channels.open_channel_ids IS NULL
            OR (c.open_channel_id::text, c.closed_channel_id::text) IN (
                SELECT
                    p.open_channel_id,
                    p.closed_channel_id
                FROM unnest(client_channels.open_channel_ids, client_channels.closed_channel_ids)
                    AS p (open_channel_id, closed_channel_id)
            )
        );
$$;

COMMENT ON FUNCTION broadcast.client_channels(uuid, text, text [], text []) IS
'A client''s channels with their broadcasts, and how many there may be, as JSON; sort is newest, oldest or title. With '
'the two arrays, whose places go together, only the channels of these pairs.';
REVOKE ALL ON FUNCTION broadcast.client_channels(uuid, text, text [], text []) FROM public;
