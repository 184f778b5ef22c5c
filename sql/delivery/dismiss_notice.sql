CREATE OR REPLACE FUNCTION broadcast.dismiss_notice(notice_id bigint, client_id uuid)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    UPDATE broadcast.notices AS n
    SET dismissed_at = now()
    FROM broadcast.notices AS meant
    WHERE meant.id = dismiss_notice.notice_id AND meant.client_id = dismiss_notice.client_id
        AND n.broadcast_id = meant.broadcast_id AND n.client_id = meant.client_id AND n.id <= meant.id
        AND n.dismissed_at IS NULL;
$$;

COMMENT ON FUNCTION broadcast.dismiss_notice(bigint, uuid) IS
'Puts a client''s notice away, and the earlier ones of its broadcast.';
REVOKE ALL ON FUNCTION broadcast.dismiss_notice(bigint, uuid) FROM public;
