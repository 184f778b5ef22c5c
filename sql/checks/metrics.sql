CREATE OR REPLACE FUNCTION broadcast.metrics()
RETURNS TABLE (name text, help text, label text, label_value text, value double precision)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    -- Cheap at any size: figures that need whole tables come from the last check_integrity().
    -- Names ending in _total only grow; all others go up and down.
    SELECT
        f.name,
        f.help,
        f.label,
        f.label_value,
        f.value::double precision AS value
    FROM broadcast.integrity_check AS c
    CROSS JOIN LATERAL (
        VALUES
        ('broadcast_manager_channels', 'Channels at the last full check.', NULL::text, NULL::text, c.channels::numeric),
        ('broadcast_manager_broadcasts', 'Broadcast rows at the last full check.', NULL, NULL, c.broadcasts),
        (
            'broadcast_manager_failing', 'Active broadcasts whose last send failed, at the last full check.',
            NULL, NULL, c.failing
        ),
        (
            'broadcast_manager_attempts', 'Attempts that the broadcasts count, at the last full check.',
            'outcome', 'successful', c.attempts_successful
        ),
        (
            'broadcast_manager_attempts', 'Attempts that the broadcasts count, at the last full check.',
            'outcome', 'failed', c.attempts_failed
        ),
        (
            'broadcast_manager_check_timestamp_seconds', 'When the last full check began, as Unix time.', NULL, NULL,
            extract(EPOCH FROM c.checked_at)
        ),
        (
            'broadcast_manager_check_duration_seconds', 'How long the last full check took.', NULL, NULL,
            extract(EPOCH FROM c.duration)
        )
    ) AS f (name, help, label, label_value, value)
    UNION ALL
    SELECT
        'broadcast_manager_switched_off',
        'Broadcasts that are off, by reason, at the last full check.',
        'reason',
        n.reason,
        coalesce((c.switched_off ->> n.reason)::double precision, 0)
    FROM broadcast.integrity_check AS c
    CROSS JOIN unnest(ARRAY['failures', 'owner', 'operator', 'other']) AS n (reason)
    UNION ALL
    SELECT
        'broadcast_manager_violations',
        'What breaks the rule, by check, at the last full check.',
        'check',
        n.check_name,
        coalesce((c.violations ->> n.check_name)::double precision, 0)
    FROM broadcast.integrity_check AS c
    CROSS JOIN unnest(ARRAY[
        'channel_without_broadcast', 'broadcast_without_channel', 'owner_mismatch',
        'duplicate_broadcast', 'duplicate_channel',
        'trigger_missing', 'trigger_disabled', 'trigger_replica_only', 'key_missing', 'key_wrong', 'key_not_enforced',
        'key_not_validated', 'key_trigger_disabled', 'unique_key_missing', 'index_invalid', 'column_nullable',
        'column_missing', 'column_type', 'rows_hidden', 'rule_on_table'
    ]) AS n (check_name)
    UNION ALL
    SELECT
        'broadcast_manager_rule_part_in_force',
        'Whether a trigger or key of the rule is in force now (1) or not (0).',
        'part',
        p.part,
        p.in_force::integer::double precision
    FROM broadcast.rule_parts AS p
    UNION ALL
    SELECT
        'broadcast_manager_rows_inserted_total',
        'Rows that were inserted into broadcast_manager by whomever, those of rolled back transactions among them.',
        NULL::text,
        NULL::text,
        pg_stat_get_tuples_inserted('public.broadcast_manager'::regclass)::double precision
    UNION ALL
    SELECT
        'broadcast_manager_sending',
        'Whether workers take what is due (1), or an operator has switched sending off or not yet on (0).',
        NULL::text,
        NULL::text,
        s.sending::integer::double precision
    FROM broadcast.settings AS s
    UNION ALL
    SELECT
        'broadcast_manager_outage',
        'Whether many channels fail alike (1): failures are not counted then, and sending slows to probes.',
        NULL::text,
        NULL::text,
        count(*)::double precision
    FROM broadcast.outage AS o
    WHERE o.ended_at IS NULL
    UNION ALL
    SELECT
        'broadcast_manager_due',
        'Broadcasts that are due now, 1,000 at most.',
        NULL::text,
        NULL::text,
        count(*)::double precision
    FROM (
        SELECT FROM public.broadcast_manager AS b
        WHERE b.is_active AND b.broadcast_status IN ('pending', 'completed', 'failed') AND b.next_send_time <= now()
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
                AND b.broadcast_status IN ('pending', 'completed', 'failed')
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
    FROM broadcast.deliveries AS d
    WHERE d.finished_at IS NULL AND d.worker IS NOT NULL
    UNION ALL
    SELECT
        'broadcast_manager_database_errors',
        'Broadcasts that the database does not let be sent: a column is missing, say, or a value cannot be read.',
        NULL::text,
        NULL::text,
        count(*)::double precision
    FROM broadcast.deliveries AS d
    WHERE d.finished_at IS NULL AND d.error_code IN ('database_error', 'not_claimable')
    UNION ALL
    SELECT
        'broadcast_manager_not_advertisable',
        'Broadcasts that are not sent since their channel has no donation message or no tier.',
        NULL::text,
        NULL::text,
        count(*)::double precision
    FROM broadcast.deliveries AS d
    WHERE d.finished_at IS NULL AND d.error_code = 'not_advertisable'
    UNION ALL
    SELECT
        'broadcast_manager_expired_claims',
        'Claims whose lease has run out: their worker has not been heard of.',
        NULL::text,
        NULL::text,
        count(*)::double precision
    FROM broadcast.deliveries AS d
    WHERE d.finished_at IS NULL AND d.lease_until < now()
    UNION ALL
    SELECT
        'broadcast_manager_parts_last_day',
        'Messages that in the last 24 hours failed, or whose fate is unknown.',
        'state',
        s.state,
        (
            SELECT count(*)::double precision FROM broadcast.delivery_parts AS p
            WHERE p.state = s.state AND p.state IN ('failed', 'unknown') AND p.decided_at > now() - interval '24 hours'
        )
    FROM unnest(ARRAY['failed', 'unknown']) AS s (state);
$$;

COMMENT ON FUNCTION broadcast.metrics() IS
'The figures for monitoring, one row each: name, what it tells, its label if it has one, and the value.';
REVOKE ALL ON FUNCTION broadcast.metrics() FROM public;
