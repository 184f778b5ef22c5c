CREATE OR REPLACE FUNCTION broadcast.notify_watchers()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Transactions that notify commit one after another, so none notifies while nobody watches.
    IF EXISTS (SELECT FROM broadcast.watchers AS w WHERE w.watched_until > now()) THEN
        PERFORM pg_notify('broadcast_manager_changed', told.payload)
        FROM broadcast.watchers AS w
        CROSS JOIN LATERAL (
            SELECT array_agg(concat_ws(' ', w.client_id, few.open_channel_id, few.closed_channel_id)) AS channels
            FROM (
                SELECT
                    r.open_channel_id,
                    r.closed_channel_id
                FROM changed_rows AS r
                WHERE r.client_id = w.client_id
                LIMIT 11
            ) AS few
        ) AS c
        -- Of many at once only that there are: the page is read anew then.
        CROSS JOIN LATERAL unnest(
            CASE WHEN cardinality(c.channels) > 10 THEN ARRAY[w.client_id::text] ELSE c.channels END
        ) AS told (payload)
        WHERE w.watched_until > now();
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION broadcast.notify_watchers() IS
'NOTIFY broadcast_manager_changed with client, open and closed channel id of each watched client''s row that the '
'statement changed, or with the client''s id alone where it changed more than ten of them.';
REVOKE ALL ON FUNCTION broadcast.notify_watchers() FROM public;
