CREATE OR REPLACE FUNCTION broadcast.worker_looks(
    process text, version text, bot text, concurrency integer, poll_interval interval
)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    DELETE FROM broadcast.workers AS w
    WHERE w.process IN (
        SELECT s.process FROM broadcast.workers AS s
        WHERE s.last_look < now() - interval '15 minutes'
        FOR UPDATE SKIP LOCKED
    );
    INSERT INTO broadcast.workers AS w (process, version, bot, concurrency, poll_interval)
    VALUES (
        worker_looks.process, worker_looks.version, worker_looks.bot, worker_looks.concurrency,
        worker_looks.poll_interval
    )
    ON CONFLICT ON CONSTRAINT workers_pkey DO UPDATE SET last_look = clock_timestamp(), bot = excluded.bot;
$$;

COMMENT ON FUNCTION broadcast.worker_looks(text, text, text, integer, interval) IS
'A worker looks for what is due; who has not for a quarter of an hour is forgotten.';
REVOKE ALL ON FUNCTION broadcast.worker_looks(text, text, text, integer, interval) FROM public;
