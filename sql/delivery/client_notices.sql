CREATE OR REPLACE FUNCTION broadcast.client_notices(client_id uuid)
RETURNS TABLE (id bigint, noted_at timestamptz, kind text, message text, broadcast_id uuid, channel text, path text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        n.id, n.noted_at, n.kind, n.message, b.id,
        coalesce(c.open_channel_title::text, c.open_channel_id::text),
        concat('/channels/', c.open_channel_id, '/', c.closed_channel_id)
    FROM public.broadcast_manager AS b
    INNER JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    CROSS JOIN LATERAL (
        -- The last one counts: what is well again does not need the failure beside it.
        SELECT last.* FROM broadcast.notices AS last WHERE last.broadcast_id = b.id ORDER BY last.id DESC LIMIT 1
    ) AS n
    WHERE b.client_id = client_notices.client_id AND n.client_id = b.client_id AND n.dismissed_at IS NULL
    ORDER BY n.id DESC
    LIMIT 20;
$$;

COMMENT ON FUNCTION broadcast.client_notices(uuid) IS
'What a client is to be told of its broadcasts and has not put away: the last notice of each, the newest first.';
REVOKE ALL ON FUNCTION broadcast.client_notices(uuid) FROM public;
