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
