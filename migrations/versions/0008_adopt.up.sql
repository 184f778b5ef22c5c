-- The rows of before: repaired first, then created where they are missing, in batches that commit. The next keys would
-- refuse a client that edits what is not in order yet, so this goes on until everything is.
DO $$
DECLARE
    broken bigint;
    missing bigint;
    holders text;
BEGIN
    FOR attempt IN 1..30 LOOP
        CALL broadcast.repair_broadcasts();
        CALL broadcast.backfill_broadcasts(500, NULL, '0', missing, missing);
        SELECT count(*) INTO broken FROM broadcast.broken_broadcasts();
        SELECT count(*) INTO missing
        FROM public.main_clients_database AS c
        WHERE NOT EXISTS (
            SELECT FROM public.broadcast_manager AS b
            WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
        );
        COMMIT;
        IF broken + missing = 0 THEN
            RETURN;
        END IF;
        SELECT string_agg(
            format(
                'pid %s (%s, %s, %s) since %s', a.pid, a.usename, coalesce(nullif(a.application_name, ''), '?'),
                a.state, a.xact_start
            ), '; ' ORDER BY a.xact_start
        ) INTO holders
        FROM pg_stat_activity AS a
        WHERE a.pid <> pg_backend_pid()
            AND a.pid IN (
                SELECT l.pid FROM pg_locks AS l
                WHERE l.granted
                    AND l.relation IN ('public.broadcast_manager'::regclass, 'public.main_clients_database'::regclass)
                    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
            );
        RAISE NOTICE 'waiting for % broadcast rows and % channels, held by %', broken, missing, coalesce(holders, 'nobody any more');
        COMMIT;
        PERFORM pg_sleep(least(0.1 * attempt, 2) * (0.5 + random()));
    END LOOP;
    RAISE EXCEPTION '% broadcast rows and % channels are still to be put in order', broken, missing
    USING ERRCODE = 'BM003',
        DETAIL = 'held by ' || coalesce(holders, 'sessions that come and go'),
        HINT = 'End those transactions, or wait for them, and run the migration again: it goes on where it stopped.';
END;
$$
\g
