CREATE OR REPLACE FUNCTION broadcast.watch_client(client_id uuid)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    DELETE FROM broadcast.watchers AS w
    WHERE w.client_id IN (
        SELECT s.client_id FROM broadcast.watchers AS s
        WHERE s.watched_until < now()
        FOR UPDATE SKIP LOCKED
    );
    INSERT INTO broadcast.watchers AS w (client_id, watched_until)
    VALUES (watch_client.client_id, now() + interval '2 minutes')
    ON CONFLICT ON CONSTRAINT watchers_pkey DO UPDATE SET watched_until = excluded.watched_until;
$$;

COMMENT ON FUNCTION broadcast.watch_client(uuid) IS
'For two minutes from now, whoever LISTENs on broadcast_manager_changed hears of this client''s changes.';
REVOKE ALL ON FUNCTION broadcast.watch_client(uuid) FROM public;

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

SELECT broadcast.lock_without_queueing('SHARE ROW EXCLUSIVE', 'public.main_clients_database', 'public.broadcast_manager');

CREATE TRIGGER notify_channel_insert
AFTER INSERT ON public.main_clients_database
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION broadcast.notify_watchers();

COMMENT ON TRIGGER notify_channel_insert ON public.main_clients_database IS
'Dashboards show a new channel at once; not where two-phase commit is possible, which NOTIFY would break.';

CREATE TRIGGER notify_channel_update
AFTER UPDATE ON public.main_clients_database
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION broadcast.notify_watchers();

COMMENT ON TRIGGER notify_channel_update ON public.main_clients_database IS
'Dashboards show an edited channel at once; not where two-phase commit is possible, which NOTIFY would break.';

CREATE TRIGGER notify_channel_delete
AFTER DELETE ON public.main_clients_database
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION broadcast.notify_watchers();

COMMENT ON TRIGGER notify_channel_delete ON public.main_clients_database IS
'Dashboards forget a deleted channel at once; not where two-phase commit is possible, which NOTIFY would break.';

-- The old rows: the old owner must hear that a channel left; notify_channel_update tells the new owner.
CREATE TRIGGER notify_broadcast_update
AFTER UPDATE ON public.broadcast_manager
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION broadcast.notify_watchers();

COMMENT ON TRIGGER notify_broadcast_update ON public.broadcast_manager IS
'Dashboards show a broadcast''s state as it changes; not where two-phase commit is possible, which NOTIFY would break.';
