CREATE OR REPLACE FUNCTION broadcast.pause_for_clients(batch_began timestamptz)
RETURNS double precision
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(
        extract(EPOCH FROM clock_timestamp() - batch_began) * (count(DISTINCT l.pid) + 4 * count(*) FILTER (WHERE NOT l.granted)), 1
    )
    FROM pg_locks AS l
    WHERE l.pid <> pg_backend_pid()
        AND (
            (
                l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                AND l.relation IN ('public.broadcast_manager'::regclass, 'public.main_clients_database'::regclass)
                AND l.mode = 'RowExclusiveLock'
            )
            -- Someone waits for a row that a transaction of this server has changed, most likely ours.
            OR (l.locktype = 'transactionid' AND NOT l.granted)
        );
$$;

COMMENT ON FUNCTION broadcast.pause_for_clients(timestamptz) IS
'Seconds to rest after a batch: its own time for each client that writes, five times that for each that waits.';
REVOKE ALL ON FUNCTION broadcast.pause_for_clients(timestamptz) FROM public;
