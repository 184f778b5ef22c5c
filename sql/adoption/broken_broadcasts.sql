-- A function, not a view: a view would keep the owner from changing a column's type.
CREATE OR REPLACE FUNCTION broadcast.broken_broadcasts()
RETURNS TABLE (broadcast_id uuid, channel_client_id uuid, relink_closed_channel_id text, reason text)
LANGUAGE sql STABLE
-- No SET clause: it would keep the planner from inlining the body, as repair_broadcast_batch() needs it.
-- Callers pin the path.
AS $$
    SELECT
        b.id,
        c.client_id,
        relink.closed_channel_id,
        CASE
            WHEN c.client_id IS NOT NULL THEN 'owner_corrected'
            WHEN relink.closed_channel_id IS NOT NULL THEN 'relinked'
            ELSE 'channel_gone'
        END
    FROM public.broadcast_manager AS b
    LEFT JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    LEFT JOIN LATERAL (
        SELECT min(moved.closed_channel_id::text) AS closed_channel_id
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
$$;

COMMENT ON FUNCTION broadcast.broken_broadcasts() IS
'Broadcast rows without their channel or with another owner than its, and what a repair would do with each.';
REVOKE ALL ON FUNCTION broadcast.broken_broadcasts() FROM public;
