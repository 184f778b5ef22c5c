CREATE OR REPLACE FUNCTION broadcast.notify_watchers()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Transactions that notify commit one after another, so none notifies while nobody watches.
    IF EXISTS (SELECT FROM broadcast.watchers AS w WHERE w.watched_until > now()) THEN
        PERFORM pg_notify('broadcast_manager_changed', w.client_id::text)
        FROM broadcast.watchers AS w
        WHERE w.watched_until > now()
            AND EXISTS (SELECT FROM changed_rows AS r WHERE r.client_id = w.client_id);
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION broadcast.notify_watchers() IS
'NOTIFY broadcast_manager_changed with the id of each watched client whose rows the statement changed.';
REVOKE ALL ON FUNCTION broadcast.notify_watchers() FROM public;
