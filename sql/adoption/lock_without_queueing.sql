CREATE OR REPLACE FUNCTION broadcast.lock_without_queueing(lock_mode text, VARIADIC tables regclass [])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    table_list constant text := (SELECT string_agg(t::text, ', ') FROM unnest(tables) AS t);
    holders text;
BEGIN
    -- Both become part of a statement.
    IF coalesce(upper(lock_mode), '') NOT IN (
        'ACCESS SHARE', 'ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE',
        'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'
    ) THEN
        RAISE EXCEPTION '% is no lock mode', coalesce(lock_mode, 'NULL') USING ERRCODE = '22023';
    ELSIF coalesce(cardinality(tables), 0) = 0
        OR EXISTS (SELECT FROM unnest(tables) AS t WHERE t IS NULL OR NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = t))
    THEN
        RAISE EXCEPTION 'there is no table to lock, or not each of them is there' USING ERRCODE = '22023';
    END IF;
    FOR attempt IN 1..60 LOOP
        BEGIN
            -- Everyone who comes after a waiting lock request waits behind it: so wait briefly, 100 ms for all tables
            -- together, then step back. Shorter than deadlock_timeout, so that a client never pays for a deadlock with us.
            PERFORM set_config('lock_timeout', (100 / cardinality(tables))::text, true);
            EXECUTE format('LOCK TABLE %s IN %s MODE', table_list, lock_mode);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            SELECT string_agg(DISTINCT CASE
                WHEN l.pid IS NULL THEN 'a prepared transaction of those in pg_prepared_xacts'
                ELSE format(
                    'pid %s (%s, %s, %s) since %s', a.pid, a.usename, coalesce(nullif(a.application_name, ''), '?'),
                    a.state, a.xact_start
                )
            END, '; ') INTO holders
            FROM pg_locks AS l
            LEFT JOIN pg_stat_activity AS a ON l.pid = a.pid
            WHERE l.relation = ANY (tables) AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
                AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
            RAISE NOTICE 'waiting for % on %, held by %', lock_mode, table_list, coalesce(holders, 'nobody any more');
            PERFORM pg_sleep(least(0.1 * 1.5 ^ attempt, 5) * (0.5 + random() / 2));
        END;
    END LOOP;
    RAISE EXCEPTION 'no % lock on % after 60 attempts', lock_mode, table_list
    USING ERRCODE = 'BM003',
        DETAIL = 'held by ' || coalesce(holders, 'sessions that come and go'),
        HINT = 'End those transactions, or wait for them, and run the migration again: it goes on where it stopped.';
END;
$$;

COMMENT ON FUNCTION broadcast.lock_without_queueing(text, regclass []) IS
'Locks tables for a migration without making clients queue: waits 100 ms at most, steps back, tries again.';
REVOKE ALL ON FUNCTION broadcast.lock_without_queueing(text, regclass []) FROM public;
