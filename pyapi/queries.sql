-- Every statement that Python sends, by name. Parameters are written %(name)s, casts CAST(... AS ...), because
-- a colon would be read as a parameter by SQLAlchemy. See queries.py for the rules of this file.

-- name: read_broadcast_id
-- The id of a pair's broadcast row; one row or none.
SELECT b.id
FROM public.broadcast_manager AS b
WHERE
    b.open_channel_id = %(open_channel_id)s
    AND b.closed_channel_id = %(closed_channel_id)s;

-- name: insert_channel
-- Inserts one channel from a JSON object; each value takes the type that its column has in this database,
-- enum or text. The database creates the broadcast row.
INSERT INTO public.main_clients_database (
    open_channel_id,
    open_channel_title,
    open_channel_description,
    closed_channel_id,
    closed_channel_title,
    closed_channel_description,
    closed_channel_donation_message,
    sub_1_price,
    sub_1_time,
    sub_2_price,
    sub_2_time,
    sub_3_price,
    sub_3_time,
    client_wallet_address,
    client_payout_currency,
    client_payout_network,
    payout_strategy,
    payout_threshold_usd,
    payout_threshold_updated_at,
    client_id,
    created_by,
    notification_status,
    notification_id
)
SELECT
    c.open_channel_id,
    c.open_channel_title,
    c.open_channel_description,
    c.closed_channel_id,
    c.closed_channel_title,
    c.closed_channel_description,
    c.closed_channel_donation_message,
    c.sub_1_price,
    c.sub_1_time,
    c.sub_2_price,
    c.sub_2_time,
    c.sub_3_price,
    c.sub_3_time,
    c.client_wallet_address,
    c.client_payout_currency,
    c.client_payout_network,
    c.payout_strategy,
    c.payout_threshold_usd,
    c.payout_threshold_updated_at,
    c.client_id,
    c.created_by,
    c.notification_status,
    c.notification_id
FROM jsonb_populate_record(
    CAST(NULL AS public.main_clients_database), CAST(%(channel)s AS jsonb)
) AS c;

-- name: integrity_violations
-- What breaks the rule now, worst first; no rows when all is well.
SELECT
    v.check_name,
    v.severity,
    v.client_id,
    v.open_channel_id,
    v.closed_channel_id,
    v.broadcast_id,
    v.detail,
    v.remedy
FROM public.broadcast_integrity_violations AS v
ORDER BY v.severity, v.check_name, v.client_id, v.open_channel_id, v.closed_channel_id, v.broadcast_id;

-- name: missing_broadcast_count
-- How many channels, of one client or of all (NULL), have no broadcast row.
SELECT count(*)
FROM public.main_clients_database AS c
WHERE
    (CAST(%(client_id)s AS uuid) IS NULL OR c.client_id = CAST(%(client_id)s AS uuid))
    AND NOT EXISTS (
        SELECT FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    );

-- name: channel_ids_of_client
-- The pairs of one client and their broadcast ids, NULL where a row is missing.
SELECT
    c.open_channel_id,
    c.closed_channel_id,
    b.id AS broadcast_id
FROM public.main_clients_database AS c
LEFT JOIN public.broadcast_manager AS b
    ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
WHERE c.client_id = CAST(%(client_id)s AS uuid)
ORDER BY c.open_channel_id, c.closed_channel_id;

-- name: call_backfill
-- Creates the missing rows in batches, committing each; needs a connection in autocommit.
CALL public.backfill_broadcasts(
    CAST(%(batch_size)s AS integer), CAST(%(client_id)s AS uuid), CAST(%(spread)s AS interval), NULL, NULL
);

-- name: has_integrity_view
-- One row where the integrity view is there.
SELECT TRUE AS found
WHERE to_regclass('public.broadcast_integrity_violations') IS NOT NULL;
