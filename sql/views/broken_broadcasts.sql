CREATE OR REPLACE VIEW public.broken_broadcasts AS
SELECT
    b.id AS broadcast_id,
    c.client_id AS channel_client_id,
    relink.closed_channel_id AS relink_closed_channel_id,
    CASE
        WHEN c.client_id IS NOT NULL THEN 'owner_corrected'
        WHEN relink.closed_channel_id IS NOT NULL THEN 'relinked'
        ELSE 'channel_gone'
    END AS reason
FROM public.broadcast_manager AS b
LEFT JOIN public.main_clients_database AS c
    ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
LEFT JOIN LATERAL (
    SELECT min(moved.closed_channel_id) AS closed_channel_id
    FROM public.main_clients_database AS moved
    WHERE
        c.client_id IS NULL
        AND moved.client_id = b.client_id
        AND moved.open_channel_id = b.open_channel_id
        AND NOT EXISTS (
            SELECT FROM public.broadcast_manager AS own
            WHERE own.open_channel_id = moved.open_channel_id AND own.closed_channel_id = moved.closed_channel_id
        )
    HAVING count(*) = 1
) AS relink ON TRUE
WHERE b.client_id IS NULL OR c.client_id IS NULL OR b.client_id <> c.client_id;

COMMENT ON VIEW public.broken_broadcasts IS
'Broadcast rows without their channel or with another owner than its, and what a repair would do with each.';
