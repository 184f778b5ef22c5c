CREATE OR REPLACE FUNCTION broadcast.health()
RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC' SET jit = off
AS $$
    SELECT json_build_object(
        'now', now(),
        'rule', (
            SELECT json_build_object(
                'parts', count(*),
                'missing', coalesce(json_agg(p.part ORDER BY p.part) FILTER (WHERE NOT p.in_force), '[]')
            )
            FROM broadcast.rule_parts AS p
        ),
        'check', (
            SELECT json_build_object(
                'checked_at', c.checked_at,
                'channels', c.channels,
                'violations', (SELECT coalesce(sum(v.value::bigint), 0) FROM jsonb_each_text(c.violations) AS v)
            )
            FROM broadcast.integrity_check AS c
        ),
        'sending', (SELECT json_build_object('is_on', s.is_on, 'note', s.note) FROM broadcast.sending() AS s),
        'outage', (
            SELECT json_build_object('error_code', o.error_code, 'channels', o.channels, 'began_at', o.began_at)
            FROM broadcast.outage AS o
            WHERE o.ended_at IS NULL
        ),
        'waits_for_telegram_until', (
            SELECT s.next_slot FROM broadcast.bot_slot AS s WHERE s.next_slot > now() + interval '5 seconds'
        ),
        'queue', (SELECT json_build_object('due', q.due, 'oldest_due', q.oldest_due) FROM broadcast.queue() AS q),
        'workers', (
            SELECT coalesce(json_agg(shown ORDER BY shown.state DESC, shown.process), '[]')
            FROM (
                SELECT
                    w.process,
                    w.version,
                    w.bot,
                    w.concurrency,
                    w.started_at,
                    w.last_look,
                    held.count AS holds,
                    CASE
                        WHEN w.last_look < now() - greatest(3 * w.poll_interval, interval '30 seconds') THEN 'stalled'
                        WHEN held.count > 0 THEN 'sending'
                        ELSE 'idle'
                    END AS state
                FROM broadcast.workers AS w
                CROSS JOIN LATERAL (
                    SELECT count(*) AS count FROM broadcast.deliveries AS d
                    WHERE d.finished_at IS NULL AND starts_with(d.worker, w.process || ':')
                ) AS held
            ) AS shown
        ),
        'hours', (
            SELECT json_agg(json_build_object(
                'hour', h.hour, 'sent', h.sent, 'failed', h.failed, 'unknown', h.unknown
            ) ORDER BY h.hour)
            FROM (
                SELECT
                    series.hour,
                    count(*) FILTER (WHERE d.outcome = 'sent') AS sent,
                    count(*) FILTER (WHERE d.outcome = 'failed') AS failed,
                    count(*) FILTER (WHERE d.outcome = 'unknown') AS unknown
                FROM generate_series(
                    date_trunc('hour', now()) - interval '47 hours', date_trunc('hour', now()), interval '1 hour'
                ) AS series (hour)
                LEFT JOIN broadcast.deliveries AS d
                    ON
                        d.finished_at >= now() - interval '48 hours'
                        AND date_trunc('hour', d.finished_at) = series.hour
                GROUP BY series.hour
            ) AS h
        )
    );
$$;

COMMENT ON FUNCTION broadcast.health() IS
'Whether it is well, as JSON: rule, last check, sending, outage, queue, workers, and deliveries an hour over two days.';
REVOKE ALL ON FUNCTION broadcast.health() FROM public;
