-- Every statement that Python sends, by name. Parameters are written %(name)s, casts CAST(... AS ...), because
-- a colon would be read as a parameter by SQLAlchemy. See queries.py for the rules of this file.

-- name: read_broadcast_id
-- The id of a pair's broadcast row; one row or none.
SELECT b.id
FROM public.broadcast_manager AS b
WHERE
    b.open_channel_id = %(open_channel_id)s
    AND b.closed_channel_id = %(closed_channel_id)s;

-- name: channel_columns
-- What INSERT does not tell when it refuses a channel: what each column can take, and of which column each check is.
-- One JSON text.
SELECT
    CAST(json_build_object(
        'columns', (
            SELECT json_object_agg(
                a.attname,
                json_build_object(
                    'type', t.typname,
                    'octets', t.typlen,
                    'modifier', CASE WHEN own.typtype = 'd' THEN own.typtypmod ELSE a.atttypmod END,
                    'labels', (SELECT json_agg(e.enumlabel) FROM pg_catalog.pg_enum AS e WHERE e.enumtypid = t.oid)
                )
            )
            FROM pg_catalog.pg_attribute AS a
            INNER JOIN pg_catalog.pg_type AS own ON a.atttypid = own.oid
            INNER JOIN pg_catalog.pg_type AS t
                ON t.oid = CASE WHEN own.typtype = 'd' THEN own.typbasetype ELSE own.oid END
            WHERE a.attrelid = to_regclass('public.main_clients_database') AND a.attnum > 0 AND NOT a.attisdropped
        ),
        'checks', (
            SELECT json_object_agg(k.conname, a.attname)
            FROM pg_catalog.pg_constraint AS k
            INNER JOIN pg_catalog.pg_attribute AS a ON k.conrelid = a.attrelid AND k.conkey[1] = a.attnum
            WHERE
                k.conrelid = to_regclass('public.main_clients_database')
                AND k.contype = 'c' AND cardinality(k.conkey) = 1
        )
    ) AS text);

-- name: insert_channel
-- Inserts one channel from a JSON object; each value takes the type that its column has in this database,
-- enum or text. The database creates the broadcast row.
INSERT INTO public.main_clients_database (
    open_channel_id,
    open_channel_title,
    open_channel_description,
    closed_channel_id,
    closed_channel_title,
    closed_channel_description,
    closed_channel_donation_message,
    sub_1_price,
    sub_1_time,
    sub_2_price,
    sub_2_time,
    sub_3_price,
    sub_3_time,
    client_wallet_address,
    client_payout_currency,
    client_payout_network,
    payout_strategy,
    payout_threshold_usd,
    payout_threshold_updated_at,
    client_id,
    created_by,
    notification_status,
    notification_id
)
SELECT
    c.open_channel_id,
    c.open_channel_title,
    c.open_channel_description,
    c.closed_channel_id,
    c.closed_channel_title,
    c.closed_channel_description,
    c.closed_channel_donation_message,
    c.sub_1_price,
    c.sub_1_time,
    c.sub_2_price,
    c.sub_2_time,
    c.sub_3_price,
    c.sub_3_time,
    c.client_wallet_address,
    c.client_payout_currency,
    c.client_payout_network,
    c.payout_strategy,
    c.payout_threshold_usd,
    c.payout_threshold_updated_at,
    c.client_id,
    c.created_by,
    c.notification_status,
    c.notification_id
FROM jsonb_populate_record(
    CAST(NULL AS public.main_clients_database), CAST(%(channel)s AS jsonb)
) AS c;

-- name: integrity_violations
-- What breaks the rule now, of the checks that are meant (NULL: all); no rows when all is well.
SELECT
    v.check_name,
    v.severity,
    v.client_id,
    v.open_channel_id,
    v.closed_channel_id,
    v.broadcast_id,
    v.detail,
    v.remedy
FROM broadcast.integrity_violations AS v
WHERE CAST(%(checks)s AS text []) IS NULL OR v.check_name = ANY (CAST(%(checks)s AS text []));

-- name: integrity_violation_lines
-- The same, each as a line of JSON.
SELECT CAST(row_to_json(v) AS text) AS line
FROM broadcast.integrity_violations AS v
WHERE CAST(%(checks)s AS text []) IS NULL OR v.check_name = ANY (CAST(%(checks)s AS text []));

-- name: integrity_violation_examples
-- The same, worst first, so many of each check as asked (NULL: all), with how many the check has.
WITH found AS MATERIALIZED (
    SELECT
        v.check_name,
        v.severity,
        v.client_id,
        v.open_channel_id,
        v.closed_channel_id,
        v.broadcast_id,
        v.detail,
        v.remedy
    FROM broadcast.integrity_violations AS v
    WHERE CAST(%(checks)s AS text []) IS NULL OR v.check_name = ANY (CAST(%(checks)s AS text []))
),

counts AS (
    SELECT
        f.check_name,
        f.severity,
        count(*) AS count
    FROM found AS f
    GROUP BY f.check_name, f.severity
)

SELECT
    c.count,
    e.check_name,
    e.severity,
    e.client_id,
    e.open_channel_id,
    e.closed_channel_id,
    e.broadcast_id,
    e.detail,
    e.remedy
FROM counts AS c
CROSS JOIN LATERAL (
    SELECT
        f.check_name,
        f.severity,
        f.client_id,
        f.open_channel_id,
        f.closed_channel_id,
        f.broadcast_id,
        f.detail,
        f.remedy
    FROM found AS f
    WHERE f.check_name = c.check_name AND f.severity = c.severity
    LIMIT CAST(%(max_count)s AS bigint)
) AS e
ORDER BY c.severity, c.check_name;

-- name: without_jit
-- Compiling takes longer than what it is for: 13 s of 15 where a check finds 300,000.
SELECT set_config('jit', 'off', TRUE);

-- name: missing_broadcast_count
-- How many channels, of one client or of all (NULL), have no broadcast row.
SELECT count(*)
FROM public.main_clients_database AS c
WHERE
    (CAST(%(client_id)s AS uuid) IS NULL OR c.client_id = CAST(%(client_id)s AS uuid))
    AND NOT EXISTS (
        SELECT FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    );

-- name: channel_ids_of_client
-- The pairs of one client and their broadcast ids, NULL where a row is missing.
SELECT
    c.open_channel_id,
    c.closed_channel_id,
    b.id AS broadcast_id
FROM public.main_clients_database AS c
LEFT JOIN public.broadcast_manager AS b
    ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
WHERE c.client_id = CAST(%(client_id)s AS uuid)
ORDER BY c.open_channel_id, c.closed_channel_id;

-- name: call_backfill
-- Creates the missing rows in batches, committing each; needs a connection in autocommit.
CALL broadcast.backfill_broadcasts(
    CAST(%(batch_size)s AS integer), CAST(%(client_id)s AS uuid), CAST(%(spread)s AS interval), NULL, NULL
);

-- name: must_read_integrity_view
-- Whether this role finds violations by the view only: it is there, and the tables may not be read.
SELECT
    to_regclass('broadcast.integrity_violations') IS NOT NULL
    AND NOT coalesce(
        has_table_privilege(to_regclass('public.main_clients_database'), 'SELECT')
        AND has_table_privilege(to_regclass('public.broadcast_manager'), 'SELECT'),
        FALSE
    ) AS must_read_it;

-- name: password_hash_of
-- Whom a name signs in as, and the hash of the password; one row or none.
SELECT
    h.user_id,
    h.password_hash
FROM broadcast.password_hash_of(CAST(%(username)s AS text)) AS h;

-- name: read_user
-- The user of an id; one row or none.
SELECT
    CAST(%(user_id)s AS uuid) AS user_id,
    u.username,
    u.email,
    u.email_verified,
    u.is_active,
    u.created_at,
    u.last_login,
    u.is_operator
FROM broadcast.user_of_id(CAST(%(user_id)s AS uuid)) AS u;

-- name: record_login
-- Notes that a user has just signed in.
SELECT broadcast.record_login(CAST(%(user_id)s AS uuid));

-- name: channels_of_client
-- A client's channels, each with its broadcast; NULL there where a row is missing. One JSON text.
SELECT CAST(broadcast.client_channels(CAST(%(client_id)s AS uuid), CAST(%(sort)s AS text)) AS text);

-- name: channel_page
-- A page of a client's channels, and the counts. One JSON text.
SELECT CAST(
    broadcast.channel_page(
        CAST(%(client_id)s AS uuid),
        CAST(%(search)s AS text),
        CAST(%(state)s AS text),
        CAST(%(sort)s AS text),
        CAST(%(after)s AS text []),
        CAST(%(before)s AS text []),
        CAST(%(open_channel_id)s AS text),
        CAST(%(closed_channel_id)s AS text)
    ) AS text
);

-- name: currency_network_mappings
-- Which currencies and networks go together. One JSON text.
SELECT CAST(broadcast.currency_network_mappings() AS text);

-- name: read_channel
-- The JSON text of the one channel of the client that is meant; the database refuses any other. A LEFT JOIN, so that
-- own_channel() is asked in any case.
SELECT CAST(c.channel AS text)
FROM broadcast.own_channel(
    CAST(%(client_id)s AS uuid), CAST(%(open_channel_id)s AS text), CAST(%(closed_channel_id)s AS text)
) AS own (closed_channel_id)
LEFT JOIN LATERAL json_array_elements(
    broadcast.client_channels(
        CAST(%(client_id)s AS uuid), 'newest', ARRAY[CAST(%(open_channel_id)s AS text)], ARRAY[own.closed_channel_id]
    ) -> 'channels'
) AS c (channel) ON TRUE;

-- name: channel_of_broadcast
-- The JSON text of the client's channel that has this broadcast; one row or none.
SELECT CAST(c.channel AS text)
FROM json_array_elements(broadcast.client_channels(CAST(%(client_id)s AS uuid)) -> 'channels') AS c (channel)
WHERE CAST(c.channel ->> 'broadcast_id' AS uuid) = CAST(%(broadcast_id)s AS uuid);

-- name: register_channel
-- Registers a channel and gives the broadcast_id that the database made for it.
SELECT broadcast.register_channel(
    CAST(%(client_id)s AS uuid), CAST(%(created_by)s AS text), CAST(%(channel)s AS jsonb)
);

-- name: update_channel
-- Changes fields of a channel and gives its broadcast_id.
SELECT broadcast.update_channel(
    CAST(%(client_id)s AS uuid),
    CAST(%(open_channel_id)s AS text),
    CAST(%(closed_channel_id)s AS text),
    CAST(%(changes)s AS jsonb)
);

-- name: delete_channel
-- Deletes a channel and gives the broadcast_id of the row that went with it.
SELECT broadcast.delete_channel(
    CAST(%(client_id)s AS uuid), CAST(%(open_channel_id)s AS text), CAST(%(closed_channel_id)s AS text)
);

-- name: request_broadcast
-- Makes a broadcast due now, and gives the ids of its channel.
SELECT
    b.open_channel_id,
    b.closed_channel_id
FROM broadcast.request_broadcast(CAST(%(broadcast_id)s AS uuid), CAST(%(client_id)s AS uuid)) AS b;

-- name: reactivate_broadcast
-- Switches a broadcast on again, and gives the ids of its channel.
SELECT
    b.open_channel_id,
    b.closed_channel_id
FROM broadcast.reactivate_broadcast(
    CAST(%(broadcast_id)s AS uuid), CAST(%(client_id)s AS uuid), CAST(%(at_once)s AS boolean)
) AS b;

-- name: pause_broadcast
-- Pauses a broadcast, and gives the ids of its channel.
SELECT
    b.open_channel_id,
    b.closed_channel_id
FROM broadcast.pause_broadcast(CAST(%(broadcast_id)s AS uuid), CAST(%(client_id)s AS uuid)) AS b;

-- name: skip_broadcast
-- Leaves out a broadcast's next turn, and gives the ids of its channel.
SELECT
    b.open_channel_id,
    b.closed_channel_id
FROM broadcast.skip_broadcast(CAST(%(broadcast_id)s AS uuid), CAST(%(client_id)s AS uuid)) AS b;

-- name: set_schedule
-- Changes when a broadcast is sent, and gives the ids of its channel.
SELECT
    b.open_channel_id,
    b.closed_channel_id
FROM broadcast.set_schedule(
    CAST(%(broadcast_id)s AS uuid), CAST(%(client_id)s AS uuid), CAST(%(schedule)s AS jsonb)
) AS b;

-- name: time_zones
-- The time zones that a form offers.
SELECT unnest(broadcast.time_zones()) AS time_zone;

-- name: client_deliveries
-- The deliveries of a client's own broadcast, the newest first. One JSON text.
SELECT
    CAST(broadcast.client_deliveries(
        CAST(%(broadcast_id)s AS uuid),
        CAST(%(client_id)s AS uuid),
        CAST(%(outcome)s AS text),
        CAST(%(before)s AS bigint),
        CAST(%(max_count)s AS integer)
    ) AS text);

-- name: last_deliveries
-- How the last deliveries of these broadcasts ended, the oldest first.
SELECT
    d.broadcast_id,
    d.outcomes
FROM broadcast.last_deliveries(CAST(%(client_id)s AS uuid), CAST(%(broadcast_ids)s AS uuid [])) AS d;

-- name: client_notices
-- What a client is to be told and has not put away.
SELECT
    n.id,
    n.noted_at,
    n.kind,
    n.message,
    n.channel,
    n.path
FROM broadcast.client_notices(CAST(%(client_id)s AS uuid)) AS n;

-- name: dismiss_notice
-- Puts a notice away.
SELECT broadcast.dismiss_notice(CAST(%(notice_id)s AS bigint), CAST(%(client_id)s AS uuid));

-- name: read_broadcast
-- A client's own broadcast; the database refuses any other.
SELECT
    CAST(%(broadcast_id)s AS uuid) AS broadcast_id,
    b.open_channel_id,
    b.closed_channel_id,
    b.broadcast_status,
    b.state,
    b.off_reason,
    b.retry_after_seconds,
    b.is_active,
    b.schedule,
    b.next_turn,
    b.next_send_time,
    b.last_sent_time,
    b.last_manual_trigger_time,
    b.manual_trigger_count,
    b.total_broadcasts,
    b.successful_broadcasts,
    b.failed_broadcasts,
    b.consecutive_failures,
    b.last_error_message,
    b.last_error_time
FROM broadcast.client_broadcast(CAST(%(broadcast_id)s AS uuid), CAST(%(client_id)s AS uuid)) AS b;

-- name: rule_parts
-- Whether each trigger and key of the rule is in force.
SELECT
    p.part,
    p.in_force
FROM broadcast.rule_parts AS p
ORDER BY p.part;

-- name: watch_client
-- For two minutes the database tells of this client's changes; no row when the client may not sign in any more.
SELECT broadcast.watch_client(CAST(%(client_id)s AS uuid))
FROM broadcast.user_of_id(CAST(%(client_id)s AS uuid)) AS u
WHERE u.is_active;

-- name: listen_for_changes
-- Has the server tell of changes; the payload is a client's id and a channel's two, or the client's alone, or empty.
LISTEN broadcast_manager_changed;

-- name: limit_statements
-- Ends the statements of this transaction that take longer.
SELECT set_config('statement_timeout', %(milliseconds)s, TRUE);

-- name: broadcasts_by_state
-- How many broadcasts are in each state.
SELECT
    s.state,
    s.count
FROM broadcast.broadcasts_by_state() AS s
ORDER BY s.count DESC, s.state;

-- name: recent_failures
-- The broadcasts whose last send failed, the latest first; for operators.
SELECT
    f.broadcast_id,
    f.username,
    f.open_channel_id,
    f.open_channel_title,
    f.consecutive_failures,
    f.last_error_message,
    f.last_error_time
FROM broadcast.recent_failures(CAST(%(operator_id)s AS uuid), CAST(%(max_count)s AS integer)) AS f;

-- name: first_integrity_violations
-- What breaks the rule now, worst first, as many rows as asked; for operators.
SELECT
    v.check_name,
    v.severity,
    v.client_id,
    v.open_channel_id,
    v.closed_channel_id,
    v.broadcast_id,
    v.detail,
    v.remedy
FROM broadcast.first_integrity_violations(CAST(%(operator_id)s AS uuid), CAST(%(max_count)s AS integer)) AS v;

-- name: integrity_violation_count
-- How many findings break the rule now.
SELECT coalesce(sum(c.count), 0)
FROM broadcast.integrity_counts() AS c;

-- name: has_users_table
-- One row where the table of the users is there.
SELECT TRUE AS found
WHERE to_regclass('public.registered_users') IS NOT NULL;

-- name: listen_for_due
-- Has the server tell of manual triggers.
LISTEN broadcast_manager_due;

-- name: sending
-- Whether workers take what is due, why not where they do not, and how many broadcasts are being sent now.
SELECT
    s.is_on,
    s.note,
    s.under_way
FROM broadcast.sending() AS s;

-- name: health
-- Whether it is well. One JSON text.
SELECT CAST(broadcast.health() AS text);

-- name: try_rule
-- Each step of a channel's life, tried and taken back.
SELECT
    t.step,
    t.is_done,
    t.detail,
    t.error_code,
    t.trigger_name
FROM broadcast.try_rule() AS t;

-- name: operator_tries_rule
-- The same, for an operator.
SELECT
    t.step,
    t.is_done,
    t.detail,
    t.error_code,
    t.trigger_name
FROM broadcast.operator_tries_rule(CAST(%(operator_id)s AS uuid)) AS t;

-- name: worker_looks
-- A worker tells that it looks for what is due.
SELECT broadcast.worker_looks(
    CAST(%(process)s AS text),
    CAST(%(version)s AS text),
    CAST(%(bot)s AS text),
    CAST(%(concurrency)s AS integer),
    make_interval(secs => CAST(%(poll_seconds)s AS float8))
);

-- name: worker_stops
-- A worker tells that it stops.
SELECT broadcast.worker_stops(CAST(%(process)s AS text));

-- name: set_sending
-- Has workers take what is due, or nothing more.
SELECT broadcast.set_sending(CAST(%(sending)s AS boolean), CAST(%(note)s AS text));

-- name: claim_due_broadcasts
-- Takes due broadcasts that no other worker has.
SELECT
    c.delivery_id,
    c.broadcast_id,
    c.client_id,
    CAST(%(worker)s AS text) AS worker
FROM broadcast.claim_due_broadcasts(CAST(%(worker)s AS text), CAST(%(count)s AS integer)) AS c;

-- name: set_aside_unclaimable
-- Finds the due broadcasts that cannot be claimed, and tells how many.
SELECT broadcast.set_aside_unclaimable();

-- name: next_step
-- Notes what came of the last request; what to delete, or to send in how many seconds by the database's clock, or the end.
SELECT
    n.ended_as,
    n.to_delete,
    n.next_part AS part,
    n.next_attempt AS attempt,
    n.chat_id,
    CAST(greatest(extract(EPOCH FROM n.send_at - clock_timestamp()), 0) AS float8) AS wait_seconds,
    n.lease_seconds,
    n.open_channel_id,
    n.open_channel_title,
    n.open_channel_description,
    n.closed_channel_id,
    n.closed_channel_title,
    n.closed_channel_description,
    n.closed_channel_donation_message,
    n.sub_1_price,
    n.sub_1_time,
    n.sub_2_price,
    n.sub_2_time,
    n.sub_3_price,
    n.sub_3_time
FROM broadcast.next_step(
    CAST(%(delivery_id)s AS bigint),
    CAST(%(worker)s AS text),
    CAST(%(part)s AS text),
    CAST(%(attempt)s AS integer),
    CAST(%(outcome)s AS text),
    CAST(%(message_id)s AS bigint),
    CAST(%(error_code)s AS text),
    CAST(%(error_message)s AS text),
    make_interval(secs => CAST(%(retry_after)s AS float8)),
    CAST(%(deleted)s AS jsonb)
) AS n;

-- name: is_still_claimed
-- One row while a delivery is this worker's, for so many seconds more at least.
SELECT TRUE AS found
WHERE broadcast.is_still_claimed(
    CAST(%(delivery_id)s AS bigint), CAST(%(worker)s AS text), CAST(%(seconds)s AS float8)
);

-- name: record_part
-- Notes what became of a part; saying it twice changes nothing.
SELECT broadcast.record_part(
    CAST(%(delivery_id)s AS bigint),
    CAST(%(part)s AS text),
    CAST(%(attempt)s AS integer),
    CAST(%(outcome)s AS text),
    CAST(%(message_id)s AS bigint),
    CAST(%(error_code)s AS text),
    CAST(%(error_message)s AS text),
    make_interval(secs => CAST(%(retry_after)s AS float8))
);

-- name: finish_broadcast
-- Ends a claim and tells how.
SELECT broadcast.finish_broadcast(CAST(%(delivery_id)s AS bigint), CAST(%(worker)s AS text));

-- name: set_aside
-- Ends a claim that the database does not let be fulfilled, and tells how.
SELECT broadcast.set_aside(CAST(%(delivery_id)s AS bigint), CAST(%(worker)s AS text), CAST(%(reason)s AS text));

-- name: release_expired_claims
-- Gives back what silent workers hold.
SELECT broadcast.release_expired_claims();

-- name: note_foreign_marks
-- Notes which broadcasts other programs have marked as being sent.
SELECT broadcast.note_foreign_marks();

-- name: forget_old_deliveries
-- Deletes what is older than the settings keep.
SELECT broadcast.forget_old_deliveries();

-- name: any_user
-- One row where there is a user at all.
SELECT TRUE AS found
FROM public.registered_users
LIMIT 1;

-- name: metrics
-- The figures for monitoring.
SELECT
    m.name,
    m.help,
    m.label,
    m.label_value,
    m.value
FROM broadcast.metrics() AS m;

-- name: check_integrity
-- Makes the full check, unless the last one is young enough; tells whether it did.
SELECT broadcast.check_integrity(CAST(%(max_age)s AS interval));

-- name: redundant_indexes
-- Plain indexes of the platform's tables that no key and no statement of ours needs, each with what takes its place.
WITH index_of AS (
    SELECT
        i.indexrelid,
        i.indrelid,
        i.indisunique,
        i.indpred,
        i.indnkeyatts,
        CAST(i.indkey AS text) || ' ' AS key,
        CAST(i.indclass AS text) || ' ' AS operator_classes,
        CAST(i.indcollation AS text) || ' ' AS collations,
        CAST(i.indoption AS text) || ' ' AS options,
        ARRAY(
            SELECT CAST(a.attname AS text)
            FROM unnest(CAST(i.indkey AS smallint[])) WITH ORDINALITY AS k (attnum, place)
            INNER JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
            ORDER BY k.place
        ) AS columns
    FROM pg_index AS i
    INNER JOIN pg_class AS c ON i.indexrelid = c.oid
    INNER JOIN pg_am AS m ON c.relam = m.oid AND m.amname = 'btree'
    WHERE i.indrelid IN (to_regclass('public.main_clients_database'), to_regclass('public.broadcast_manager'))
        AND i.indisvalid
        AND i.indexprs IS NULL
)
SELECT
    CAST(CAST(one.indexrelid AS regclass) AS text) AS name,
    CAST(CAST(one.indrelid AS regclass) AS text) AS table_name,
    pg_size_pretty(pg_relation_size(one.indexrelid)) AS size,
    coalesce(s.idx_scan, 0) AS scans,
    (SELECT coalesce(d.stats_reset, pg_postmaster_start_time()) FROM pg_stat_database AS d WHERE d.datname = current_database()) AS since,
    coalesce(
        'begins ' || wider.name || ' as well',
        CASE one.columns[1]
            WHEN 'client_id' THEN 'the row goes with its channel by the pair, and no key looks rows up by client_id'
            ELSE 'no statement of ours looks a row up by its status alone'
        END
    ) AS reason,
    'DROP INDEX CONCURRENTLY ' || CAST(CAST(one.indexrelid AS regclass) AS text) AS drop_statement,
    replace(pg_get_indexdef(one.indexrelid), 'CREATE INDEX ', 'CREATE INDEX CONCURRENTLY ') AS make_statement
FROM index_of AS one
LEFT JOIN pg_stat_user_indexes AS s ON s.indexrelid = one.indexrelid
LEFT JOIN LATERAL (
    SELECT CAST(CAST(min(other.indexrelid) AS regclass) AS text) AS name
    FROM index_of AS other
    WHERE other.indrelid = one.indrelid
        AND other.indexrelid <> one.indexrelid
        AND other.indpred IS NULL
        AND starts_with(other.key, one.key)
        AND starts_with(other.operator_classes, one.operator_classes)
        AND starts_with(other.collations, one.collations)
        AND starts_with(other.options, one.options)
        -- Of two that are the same the first made stays.
        AND (other.indnkeyatts > one.indnkeyatts OR other.indisunique OR other.indexrelid < one.indexrelid)
) AS wider ON wider.name IS NOT NULL
WHERE NOT one.indisunique
    AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = one.indexrelid)
    AND (
        wider.name IS NOT NULL
        OR one.indrelid = to_regclass('public.broadcast_manager')
        AND one.columns IN (ARRAY['client_id'], ARRAY['broadcast_status'])
        -- A key of somebody's from client_id would look rows up by it.
        AND NOT EXISTS (
            SELECT FROM pg_constraint AS k
            INNER JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
            WHERE k.contype = 'f' AND k.conrelid = one.indrelid AND a.attname = one.columns[1]
        )
    )
ORDER BY 2, 1;

-- name: session_settings
-- What every session of ours relies on, whatever server, database or role say; one row.
SELECT count(set_config(s.name, s.value, FALSE)) AS settings
FROM (
    VALUES
    ('standard_conforming_strings', 'on'),
    ('default_transaction_isolation', 'read committed'),
    ('default_transaction_deferrable', 'off'),
    ('search_path', 'public'),
    ('datestyle', 'ISO, MDY'),
    ('intervalstyle', 'postgres'),
    ('timezone', 'UTC'),
    ('bytea_output', 'hex'),
    ('extra_float_digits', '1'),
    ('quote_all_identifiers', 'off'),
    ('transform_null_equals', 'off'),
    ('array_nulls', 'on'),
    ('client_min_messages', 'notice'),
    ('plpgsql.extra_errors', 'none'),
    ('plpgsql.extra_warnings', 'none')
) AS s (name, value);

-- name: upgrade_session_settings
-- For an upgrade, besides: it takes the time it needs, and hidden rows are an error, not missing ones; one row.
SELECT count(set_config(s.name, s.value, FALSE)) AS settings
FROM (
    VALUES
    ('statement_timeout', '0'),
    ('lock_timeout', '0'),
    ('idle_in_transaction_session_timeout', '0'),
    ('idle_session_timeout', '0'),
    ('transaction_timeout', '0'),
    ('row_security', 'off'),
    ('default_transaction_read_only', 'off'),
    ('session_replication_role', 'origin')
) AS s (name, value)
-- Some came later, some are a superuser's.
INNER JOIN pg_catalog.pg_settings AS k ON s.name = k.name AND (k.context = 'user' AND k.setting <> s.value);

-- name: upgrade_waits_for
-- Who holds up a server process, and for how long; no row while it does not wait.
SELECT
    w.seconds,
    b.blocker
FROM (
    SELECT
        l.pid,
        round(extract(EPOCH FROM clock_timestamp() - min(l.waitstart))) AS seconds
    FROM pg_locks AS l
    WHERE l.pid = CAST(%(pid)s AS integer) AND NOT l.granted
    GROUP BY l.pid
) AS w
CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS p (pid)
CROSS JOIN LATERAL (
    SELECT concat(
        'pid ', a.pid, ' (', a.usename, ', ', coalesce(nullif(a.application_name, ''), '?'), ', ', a.state,
        ') since ', a.xact_start
    ) AS blocker
    FROM pg_stat_activity AS a
    WHERE a.pid = p.pid
    UNION ALL
    -- A prepared transaction has no process.
    SELECT concat('the prepared transaction ', quote_literal(x.gid), ' of ', x.owner, ' since ', x.prepared)
    FROM pg_prepared_xacts AS x
    WHERE p.pid = 0 AND x.database = current_database()
) AS b;

-- name: upgrade_outlook
-- What an upgrade would do with the rows, in a database that was upgraded and in one that was not; one row.
WITH
broken AS (
    SELECT
        b.id,
        b.client_id IS DISTINCT FROM c.client_id AND c.client_id IS NOT NULL AS has_other_owner,
        b.open_channel_id,
        relink.closed_channel_id
    FROM public.broadcast_manager AS b
    LEFT JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    LEFT JOIN LATERAL (
        SELECT min(CAST(moved.closed_channel_id AS text)) AS closed_channel_id
        FROM public.main_clients_database AS moved
        WHERE
            c.client_id IS NULL AND moved.client_id = b.client_id AND moved.open_channel_id = b.open_channel_id
            AND NOT EXISTS (
                SELECT FROM public.broadcast_manager AS own
                WHERE own.open_channel_id = moved.open_channel_id AND own.closed_channel_id = moved.closed_channel_id
            )
        HAVING count(*) = 1
    ) AS relink ON TRUE
    WHERE b.client_id IS NULL OR c.client_id IS NULL OR b.client_id <> c.client_id
),

counts AS (
    SELECT
        count(*) FILTER (WHERE b.has_other_owner) AS with_other_owner,
        count(DISTINCT (b.open_channel_id, b.closed_channel_id)) FILTER (
            WHERE NOT b.has_other_owner AND b.closed_channel_id IS NOT NULL
        ) AS relinked,
        count(*) FILTER (WHERE NOT b.has_other_owner) AS without_channel
    FROM broken AS b
),

missing AS (
    SELECT count(*) AS missing
    FROM public.main_clients_database AS c
    WHERE NOT EXISTS (
        SELECT FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    )
),

doubles AS (
    SELECT coalesce(sum(d.rows - 1), 0) AS doubles
    FROM (
        SELECT count(*) AS rows
        FROM public.broadcast_manager AS b
        WHERE EXISTS (
            SELECT FROM public.main_clients_database AS c
            WHERE c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
        )
        GROUP BY b.open_channel_id, b.closed_channel_id
    ) AS d
)

SELECT
    m.missing - c.relinked AS to_create,
    c.with_other_owner + c.relinked AS to_repair,
    CAST(c.without_channel - c.relinked + d.doubles AS bigint) AS to_quarantine,
    row_security_active('public.main_clients_database')
    OR row_security_active('public.broadcast_manager') AS rows_are_hidden
FROM counts AS c
CROSS JOIN missing AS m
CROSS JOIN doubles AS d;

-- name: upgraded_to
-- The revision of a database; only where has_revision finds one.
SELECT v.version_num FROM broadcast.alembic_version AS v;

-- name: has_revision
-- One row where a migration was here.
SELECT TRUE AS found
WHERE to_regclass('broadcast.alembic_version') IS NOT NULL;

-- name: last_full_check
-- How old the last full check is, in seconds; one row or none.
SELECT round(extract(EPOCH FROM clock_timestamp() - c.checked_at)) AS seconds
FROM broadcast.integrity_check AS c;
