CREATE TABLE public.broadcast_integrity_check (
    is_only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only_row),
    checked_at timestamptz NOT NULL,
    duration interval NOT NULL,
    channels bigint NOT NULL,
    broadcasts bigint NOT NULL,
    switched_off bigint NOT NULL,
    failing bigint NOT NULL,
    attempts_successful bigint NOT NULL,
    attempts_failed bigint NOT NULL,
    violations jsonb NOT NULL
);

COMMENT ON TABLE public.broadcast_integrity_check IS
'What the last full check found, and when; one row, written by check_integrity().';
COMMENT ON COLUMN public.broadcast_integrity_check.duration IS
'How long the check took.';
COMMENT ON COLUMN public.broadcast_integrity_check.switched_off IS
'Broadcasts that are not active.';
COMMENT ON COLUMN public.broadcast_integrity_check.failing IS
'Broadcasts that are active and failed when they were last sent.';
COMMENT ON COLUMN public.broadcast_integrity_check.attempts_successful IS
'What the counters of the broadcasts that are there add up to; sinks when a channel is deleted.';
COMMENT ON COLUMN public.broadcast_integrity_check.attempts_failed IS
'Likewise.';
COMMENT ON COLUMN public.broadcast_integrity_check.violations IS
'How often each check of broadcast_integrity_violations found something.';

CREATE OR REPLACE FUNCTION public.check_integrity(max_age interval DEFAULT '0')
RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found public.broadcast_integrity_check;
BEGIN
    found.checked_at := clock_timestamp();
    IF EXISTS (SELECT FROM public.broadcast_integrity_check AS c WHERE c.checked_at > found.checked_at - max_age)
        -- Whoever checks already does it for all.
        OR NOT pg_try_advisory_xact_lock(hashtextextended('broadcast_manager.check_integrity', 0))
    THEN
        RETURN FALSE;
    END IF;
    found.is_only_row := TRUE;
    found.channels := (SELECT count(*) FROM public.main_clients_database);
    SELECT
        count(*),
        count(*) FILTER (WHERE b.is_active IS NOT TRUE),
        count(*) FILTER (WHERE b.is_active AND b.broadcast_status = 'failed'),
        coalesce(sum(b.successful_broadcasts), 0),
        coalesce(sum(b.failed_broadcasts), 0)
    INTO found.broadcasts, found.switched_off, found.failing, found.attempts_successful, found.attempts_failed
    FROM public.broadcast_manager AS b;
    found.violations := (
        SELECT coalesce(jsonb_object_agg(v.check_name, v.count), '{}') FROM public.broadcast_integrity_counts AS v
    );
    found.duration := clock_timestamp() - found.checked_at;
    DELETE FROM public.broadcast_integrity_check;
    INSERT INTO public.broadcast_integrity_check SELECT found.*;
    RETURN TRUE;
END;
$$;

COMMENT ON FUNCTION public.check_integrity(interval) IS
'Makes the full check and keeps what it found, unless the last one is younger than max_age or another is under way.';
REVOKE ALL ON FUNCTION public.check_integrity(interval) FROM public;

CREATE OR REPLACE VIEW public.broadcast_metrics (name, help, label, label_value, value) WITH (security_barrier) AS
-- Cheap at any size: what has to read whole tables comes from the last check_integrity().
-- Names that end in _total only ever grow; all others go up and down.
SELECT
    m.name,
    m.help,
    m.label,
    m.label_value,
    m.value::double precision AS value
FROM public.broadcast_integrity_check AS c
CROSS JOIN LATERAL (
    VALUES
    ('broadcast_manager_channels', 'Channels at the last full check.', NULL::text, NULL::text, c.channels::numeric),
    ('broadcast_manager_broadcasts', 'Broadcast rows at the last full check.', NULL, NULL, c.broadcasts),
    ('broadcast_manager_switched_off', 'Broadcasts that are switched off, at the last full check.', NULL, NULL, c.switched_off),
    (
        'broadcast_manager_failing', 'Active broadcasts whose last send failed, at the last full check.', NULL, NULL, c.failing
    ),
    (
        'broadcast_manager_attempts', 'Attempts that the broadcasts count, at the last full check.', 'outcome', 'successful',
        c.attempts_successful
    ),
    (
        'broadcast_manager_attempts', 'Attempts that the broadcasts count, at the last full check.', 'outcome', 'failed',
        c.attempts_failed
    ),
    (
        'broadcast_manager_check_timestamp_seconds', 'When the last full check began, as Unix time.', NULL, NULL,
        extract(EPOCH FROM c.checked_at)
    ),
    (
        'broadcast_manager_check_duration_seconds', 'How long the last full check took.', NULL, NULL,
        extract(EPOCH FROM c.duration)
    )
) AS m (name, help, label, label_value, value)
UNION ALL
SELECT
    'broadcast_manager_violations',
    'What breaks the rule, by check, at the last full check.',
    'check',
    n.check_name,
    coalesce((c.violations ->> n.check_name)::double precision, 0)
FROM public.broadcast_integrity_check AS c
CROSS JOIN unnest(ARRAY[
    'channel_without_broadcast', 'broadcast_without_channel', 'owner_mismatch', 'duplicate_broadcast', 'duplicate_channel',
    'trigger_missing', 'trigger_disabled', 'trigger_replica_only', 'key_missing', 'key_wrong', 'key_not_enforced',
    'key_not_validated', 'key_trigger_disabled', 'unique_key_missing', 'index_invalid', 'column_nullable'
]) AS n (check_name)
UNION ALL
SELECT
    'broadcast_manager_rule_part_in_force',
    'Whether a trigger or key of the rule is in force now (1) or not (0).',
    'part',
    p.part,
    p.in_force::integer::double precision
FROM public.broadcast_rule_parts AS p
UNION ALL
SELECT
    'broadcast_manager_rows_inserted_total',
    'Rows that were inserted into broadcast_manager by whomever, those of rolled back transactions among them.',
    NULL::text,
    NULL::text,
    pg_stat_get_tuples_inserted('public.broadcast_manager'::regclass)::double precision
UNION ALL
SELECT
    'broadcast_manager_due',
    'Broadcasts that are due now, 1,000 at most.',
    NULL::text,
    NULL::text,
    count(*)::double precision
FROM (
    SELECT FROM public.broadcast_manager AS b
    -- As text: otherwise a restore spells it in another way.
    WHERE b.is_active AND b.broadcast_status::text IN ('pending', 'completed', 'failed') AND b.next_send_time <= now()
    ORDER BY b.next_send_time
    LIMIT 1000
) AS due
UNION ALL
SELECT
    'broadcast_manager_oldest_due_age_seconds',
    'For how long the oldest due broadcast has been waiting; 0 when none is.',
    NULL::text,
    NULL::text,
    coalesce(extract(EPOCH FROM now() - (
        SELECT b.next_send_time FROM public.broadcast_manager AS b
        WHERE b.is_active
            AND b.broadcast_status::text IN ('pending', 'completed', 'failed')
            AND b.next_send_time <= now()
            AND b.next_send_time > '-infinity'
        ORDER BY b.next_send_time
        LIMIT 1
    )), 0)::double precision
UNION ALL
SELECT
    'broadcast_manager_claimed',
    'Broadcasts that a worker has claimed.',
    NULL::text,
    NULL::text,
    count(*)::double precision
FROM public.broadcast_deliveries AS d
WHERE d.finished_at IS NULL AND d.worker IS NOT NULL
UNION ALL
SELECT
    'broadcast_manager_expired_claims',
    'Claims whose lease has run out: their worker has not been heard of.',
    NULL::text,
    NULL::text,
    count(*)::double precision
FROM public.broadcast_deliveries AS d
WHERE d.finished_at IS NULL AND d.lease_until < now()
UNION ALL
SELECT
    'broadcast_manager_parts_last_day',
    'Messages that in the last 24 hours failed, or whose fate is unknown.',
    'state',
    s.state,
    (
        SELECT count(*)::double precision FROM public.broadcast_delivery_parts AS p
        WHERE p.state = s.state AND p.state IN ('failed', 'unknown') AND p.decided_at > now() - interval '24 hours'
    )
FROM unnest(ARRAY['failed', 'unknown']) AS s (state);

COMMENT ON VIEW public.broadcast_metrics IS
'The figures for monitoring, one row each: name, what it tells, its label if it has one, and the value.';

GRANT SELECT ON TABLE public.broadcast_metrics
TO broadcast_manager_reader, broadcast_manager_api, broadcast_manager_worker;

GRANT EXECUTE ON FUNCTION public.check_integrity(interval)
TO broadcast_manager_reader, broadcast_manager_api, broadcast_manager_worker;
