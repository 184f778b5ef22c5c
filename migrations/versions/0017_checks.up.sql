CREATE OR REPLACE FUNCTION broadcast.find_integrity_violations()
RETURNS TABLE (
    check_name text,
    severity text,
    client_id uuid,
    open_channel_id text,
    closed_channel_id text,
    broadcast_id uuid,
    detail text,
    remedy text
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- Hidden rows are a finding, no error.
SET row_security = on
-- Compiling takes longer than what it is for.
SET jit = off
AS $$
-- Everything that breaks "each channel has exactly one broadcast row"; no row comes back when all is well.
-- Runs on any copy of the database, upgraded or not, with SELECT on the two tables, and changes nothing:
--   psql "$DATABASE_URL" -f sql/checks/verify_broadcast_integrity.sql
-- The body of broadcast.find_integrity_violations() is this query (a test compares them).
WITH
unique_wanted (table_name, index_name, column_names, may_be_implied) AS (
    VALUES
    ('main_clients_database', 'main_clients_database_pair_key', ARRAY['closed_channel_id', 'open_channel_id'], TRUE),
    (
        'main_clients_database', 'main_clients_database_client_id_pair_key',
        ARRAY['client_id', 'closed_channel_id', 'open_channel_id'], FALSE
    ),
    ('broadcast_manager', 'broadcast_manager_pair_key', ARRAY['closed_channel_id', 'open_channel_id'], FALSE)
),

unique_found AS (
    SELECT
        i.indrelid,
        array_agg(a.attname::text ORDER BY a.attname) AS column_names
    FROM pg_catalog.pg_index AS i
    INNER JOIN pg_catalog.pg_attribute AS a
        ON i.indrelid = a.attrelid AND a.attnum = ANY ((i.indkey::smallint [])[0:i.indnkeyatts - 1])
    WHERE
        i.indrelid IN (to_regclass('public.main_clients_database'), to_regclass('public.broadcast_manager'))
        AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
    GROUP BY i.indexrelid, i.indrelid
),

unique_missing AS (
    SELECT
        u.table_name,
        u.index_name,
        u.column_names
    FROM unique_wanted AS u
    WHERE NOT EXISTS (
        SELECT FROM unique_found AS f
        WHERE
            f.indrelid = to_regclass('public.' || u.table_name)
            AND (u.column_names = f.column_names OR (u.may_be_implied AND u.column_names @> f.column_names))
    )
),

-- Whom row level security hides rows from cannot tell what is missing.
hidden AS (
    SELECT
        c.relname AS table_name,
        c.relowner
    FROM pg_catalog.pg_class AS c
    WHERE
        c.oid IN (
            to_regclass('public.registered_users'), to_regclass('public.main_clients_database'),
            to_regclass('public.broadcast_manager')
        )
        AND row_security_active(c.oid)
),

-- Both directions and the owners in one pass over the two tables.
misfits AS (
    SELECT
        b.id AS broadcast_id,
        b.client_id AS broadcast_client_id,
        CASE
            WHEN b.id IS NULL THEN 'channel_without_broadcast'
            WHEN c.is_channel IS NULL THEN 'broadcast_without_channel'
            ELSE 'owner_mismatch'
        END AS check_name,
        CASE WHEN c.is_channel THEN c.client_id ELSE b.client_id END AS client_id,
        coalesce(c.open_channel_id, b.open_channel_id) AS open_channel_id,
        coalesce(c.closed_channel_id, b.closed_channel_id) AS closed_channel_id
    FROM (
        SELECT
            TRUE AS is_channel,
            channels.client_id,
            channels.open_channel_id::text AS open_channel_id,
            channels.closed_channel_id::text AS closed_channel_id
        FROM public.main_clients_database AS channels
    ) AS c
    FULL JOIN public.broadcast_manager AS b
        ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
    WHERE
        NOT EXISTS (SELECT FROM hidden)
        AND (b.id IS NULL OR c.is_channel IS NULL OR c.client_id IS DISTINCT FROM b.client_id)
),

rows_found AS (
    SELECT
        m.check_name,
        m.client_id,
        m.open_channel_id,
        m.closed_channel_id,
        m.broadcast_id,
        CASE m.check_name
            WHEN 'channel_without_broadcast' THEN 'The channel has no broadcast row: its owner sees "Not Configured".'
            WHEN 'broadcast_without_channel'
                THEN 'No channel has this pair: the channel was deleted or its pair was edited.'
            ELSE format(
                'The channel belongs to %s, its broadcast row to %s.',
                m.client_id, coalesce(m.broadcast_client_id::text, 'nobody')
            )
        END AS detail,
        CASE m.check_name
            WHEN 'channel_without_broadcast'
                THEN 'broadcast-manager backfill, or in psql: CALL broadcast.backfill_broadcasts();'
            WHEN 'broadcast_without_channel'
                THEN 'broadcast-manager upgrade, or in psql: CALL broadcast.repair_broadcasts(); '
                    'the row goes to the quarantine.'
            ELSE 'broadcast-manager upgrade, or in psql: CALL broadcast.repair_broadcasts(); '
                'the old row is kept in the quarantine.'
        END AS remedy
    FROM misfits AS m
    UNION ALL
    SELECT
        'duplicate_broadcast',
        NULL,
        b.open_channel_id,
        b.closed_channel_id,
        NULL,
        format('%s broadcast rows for one pair.', count(*)),
        'broadcast-manager upgrade, or in psql: SELECT broadcast.quarantine_duplicate_broadcasts(); '
        'the row with the most history stays, the others go to the quarantine.'
    FROM public.broadcast_manager AS b
    -- Where there is a valid unique key there are no duplicates.
    WHERE
        NOT EXISTS (SELECT FROM hidden)
        AND 'broadcast_manager' IN (SELECT u.table_name FROM unique_missing AS u)
        AND b.open_channel_id IS NOT NULL AND b.closed_channel_id IS NOT NULL
    GROUP BY b.open_channel_id, b.closed_channel_id
    HAVING count(*) > 1
    UNION ALL
    SELECT
        'duplicate_channel',
        NULL,
        c.open_channel_id::text,
        c.closed_channel_id::text,
        NULL,
        format('%s channels with one pair, of clients %s.', count(*), string_agg(c.client_id::text, ', ')),
        'Decide which channel is right and delete the others: channels are customers'' data.'
    FROM public.main_clients_database AS c
    WHERE
        NOT EXISTS (SELECT FROM hidden)
        AND 'main_clients_database' IN (SELECT u.table_name FROM unique_missing AS u)
    GROUP BY c.open_channel_id, c.closed_channel_id
    HAVING count(*) > 1
),

trigger_wanted (table_name, trigger_name) AS (
    VALUES
    ('main_clients_database', 'create_broadcast_rows'),
    ('broadcast_manager', 'take_over_auto_created_row'),
    ('broadcast_manager', 'refuse_broadcast_truncate')
),

trigger_found AS (
    SELECT
        CASE
            WHEN t.tgname IS NULL THEN 'trigger_missing'
            WHEN t.tgenabled = 'D' THEN 'trigger_disabled'
            WHEN t.tgenabled = 'R' THEN 'trigger_replica_only'
        END AS check_name,
        format('Trigger %s on %s.', w.trigger_name, w.table_name) AS detail,
        CASE
            WHEN t.tgname IS NULL
                THEN format(
                    'broadcast-manager upgrade; if the database is at head: sql/rule/%s.trigger.sql', w.trigger_name
                )
            ELSE format(
                'ALTER TABLE %s ENABLE TRIGGER %s; then look for what was missed.', w.table_name, w.trigger_name
            )
        END AS remedy
    FROM trigger_wanted AS w
    LEFT JOIN pg_catalog.pg_trigger AS t
        ON w.trigger_name = t.tgname AND t.tgrelid = to_regclass('public.' || w.table_name)
),

-- Both name the columns alike on both sides.
key_wanted (constraint_name, table_name, column_names, target_name, on_change, is_deferred) AS (
    VALUES
    (
        'broadcast_manager_client_id_pair_fkey', 'broadcast_manager',
        ARRAY['client_id', 'open_channel_id', 'closed_channel_id'], 'main_clients_database', 'c', FALSE
    ),
    (
        'main_clients_database_pair_fkey', 'main_clients_database',
        ARRAY['open_channel_id', 'closed_channel_id'], 'broadcast_manager', 'a', TRUE
    )
),

key_found AS (
    SELECT
        w.constraint_name,
        w.table_name,
        k.oid AS key_oid,
        k.convalidated,
        -- NOT ENFORCED came with PostgreSQL 18; before it, to_jsonb() has no such field.
        coalesce((to_jsonb(k) ->> 'conenforced')::boolean, TRUE) AS enforced,
        k.contype = 'f' AND k.confrelid = to_regclass('public.' || w.target_name)
        AND k.confmatchtype = 's' AND k.confupdtype = w.on_change AND k.confdeltype = w.on_change
        AND k.condeferrable = w.is_deferred AND k.condeferred = w.is_deferred
        AND (
            SELECT array_agg(a.attname || ' = ' || f.attname ORDER BY n.place)
            FROM unnest(k.conkey, k.confkey) WITH ORDINALITY AS n (attnum, target_attnum, place)
            INNER JOIN pg_catalog.pg_attribute AS a ON k.conrelid = a.attrelid AND n.attnum = a.attnum
            INNER JOIN pg_catalog.pg_attribute AS f ON k.confrelid = f.attrelid AND n.target_attnum = f.attnum
        ) = (SELECT array_agg(c.name || ' = ' || c.name) FROM unnest(w.column_names) AS c (name)) AS as_wanted
    FROM key_wanted AS w
    LEFT JOIN pg_catalog.pg_constraint AS k
        ON w.constraint_name = k.conname AND k.conrelid = to_regclass('public.' || w.table_name)
),

key_broken AS (
    SELECT
        CASE
            WHEN f.key_oid IS NULL THEN 'key_missing'
            WHEN f.as_wanted IS NOT TRUE THEN 'key_wrong'
            WHEN NOT f.enforced THEN 'key_not_enforced'
            WHEN NOT f.convalidated THEN 'key_not_validated'
            WHEN EXISTS (
                SELECT FROM pg_catalog.pg_trigger AS t
                WHERE t.tgconstraint = f.key_oid AND t.tgenabled NOT IN ('O', 'A')
            ) THEN 'key_trigger_disabled'
        END AS check_name,
        format('Key %s on %s.', f.constraint_name, f.table_name) AS detail,
        CASE
            WHEN f.key_oid IS NULL
                THEN 'broadcast-manager upgrade; if the database is at head: sql/rule/' || f.constraint_name || '.sql'
            WHEN f.as_wanted IS NOT TRUE
                THEN format(
                    'ALTER TABLE %s DROP CONSTRAINT %s; then sql/rule/%2$s.sql', f.table_name, f.constraint_name
                )
            WHEN NOT f.enforced
                THEN format('ALTER TABLE %s ALTER CONSTRAINT %s ENFORCED;', f.table_name, f.constraint_name)
            WHEN NOT f.convalidated
                THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %s;', f.table_name, f.constraint_name)
            ELSE 'As a superuser: ALTER TABLE main_clients_database ENABLE TRIGGER ALL; '
                'ALTER TABLE broadcast_manager ENABLE TRIGGER ALL; then look for what was missed.'
        END AS remedy
    FROM key_found AS f
),

-- What functions read and write beside the keys: a category of pg_type says which casts there are.
columns_wanted (table_name, category, column_names) AS (
    VALUES
    (
        'broadcast_manager', 'D', ARRAY[
            'last_sent_time', 'next_send_time', 'last_manual_trigger_time', 'last_error_time',
            'last_open_message_sent_at', 'last_closed_message_sent_at', 'created_at', 'updated_at'
        ]
    ),
    (
        'broadcast_manager', 'N', ARRAY[
            'manual_trigger_count', 'total_broadcasts', 'successful_broadcasts', 'failed_broadcasts',
            'consecutive_failures', 'last_open_message_id', 'last_closed_message_id'
        ]
    ),
    ('broadcast_manager', 'B', ARRAY['is_active']),
    ('broadcast_manager', NULL, ARRAY['broadcast_status', 'last_error_message']),
    (
        'main_clients_database', 'N', ARRAY[
            'sub_1_price', 'sub_1_time', 'sub_2_price', 'sub_2_time', 'sub_3_price', 'sub_3_time'
        ]
    ),
    (
        'main_clients_database', NULL, ARRAY[
            'open_channel_title', 'open_channel_description', 'closed_channel_title', 'closed_channel_description',
            'closed_channel_donation_message'
        ]
    )
),

columns_wrong AS (
    SELECT
        w.table_name,
        CASE WHEN a.attnum IS NULL THEN 'column_missing' ELSE 'column_type' END AS check_name,
        CASE
            WHEN a.attnum IS NULL THEN format('Column %s of %s is not there.', n.column_name, w.table_name)
            ELSE format(
                'Column %s of %s is of type %s, which is no %s.', n.column_name, w.table_name, t.typname,
                CASE w.category WHEN 'D' THEN 'time' WHEN 'N' THEN 'number' ELSE 'boolean' END
            )
        END AS detail
    FROM columns_wanted AS w
    CROSS JOIN unnest(w.column_names) AS n (column_name)
    LEFT JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = to_regclass('public.' || w.table_name) AND n.column_name = a.attname AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_type AS t ON a.atttypid = t.oid
    -- Before the upgrade, which adds what old copies lack, nothing needs them.
    WHERE
        to_regclass('broadcast.deliveries') IS NOT NULL
        AND (a.attnum IS NULL OR t.typcategory <> w.category)
),

-- What a key points at must be unique by exactly its columns; that pairs are unique can be implied.
structure_found AS (
    SELECT
        t.check_name,
        t.detail,
        t.remedy
    FROM trigger_found AS t
    WHERE t.check_name IS NOT NULL
    UNION ALL
    SELECT
        k.check_name,
        k.detail,
        k.remedy
    FROM key_broken AS k
    WHERE k.check_name IS NOT NULL
    UNION ALL
    SELECT
        'unique_key_missing',
        format('No valid unique key on %s (%s).', u.table_name, array_to_string(u.column_names, ', ')),
        'broadcast-manager upgrade; if the database is at head: sql/rule/' || u.index_name || '.sql'
    FROM unique_missing AS u
    UNION ALL
    SELECT
        'key_missing',
        'No key ties a channel to its owner in registered_users.',
        'broadcast-manager upgrade; if the database is at head: sql/rule/main_clients_database_owner_fkey.sql'
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS k
        WHERE
            k.contype = 'f'
            AND k.conrelid = to_regclass('public.main_clients_database')
            AND k.confrelid = to_regclass('public.registered_users')
    )
    UNION ALL
    SELECT
        'rows_hidden',
        format(
            'Row level security hides rows of %s from %s: what is missing cannot be told.', h.table_name, current_user
        ),
        CASE
            WHEN pg_has_role(h.relowner, 'USAGE')
                THEN format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY;', h.table_name)
            ELSE format('Look as %s, or as a role with BYPASSRLS.', pg_get_userbyid(h.relowner))
        END
    FROM hidden AS h
    UNION ALL
    SELECT
        'rule_on_table',
        format('Rule %s on %s rewrites statements, also those of the rule.', r.rulename, r.ev_class::regclass),
        format('DROP RULE %s ON %s; a trigger can do its work.', r.rulename, r.ev_class::regclass)
    FROM pg_catalog.pg_rewrite AS r
    WHERE
        r.ev_class IN (to_regclass('public.main_clients_database'), to_regclass('public.broadcast_manager'))
        AND r.ev_type <> '1' AND r.ev_enabled <> 'D'
    UNION ALL
    SELECT
        'index_invalid',
        format('Index %s on %s is not valid.', i.indexrelid::regclass, i.indrelid::regclass),
        format('REINDEX INDEX CONCURRENTLY %s;', i.indexrelid::regclass)
    FROM pg_catalog.pg_index AS i
    WHERE
        i.indrelid IN (to_regclass('public.main_clients_database'), to_regclass('public.broadcast_manager'))
        AND NOT i.indisvalid
    UNION ALL
    SELECT
        'column_nullable',
        format('Column %s of %s takes NULL, and keys let NULL pass.', a.attname, a.attrelid::regclass),
        format(
            'broadcast-manager upgrade; if the database is at head: ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;',
            a.attrelid::regclass, a.attname
        )
    FROM pg_catalog.pg_attribute AS a
    WHERE
        a.attrelid IN (to_regclass('public.main_clients_database'), to_regclass('public.broadcast_manager'))
        AND a.attname IN ('client_id', 'open_channel_id', 'closed_channel_id')
        AND NOT a.attnotnull
    UNION ALL
    SELECT
        w.check_name,
        w.detail,
        'Bring it back as sql/tables/' || w.table_name || '.sql has it; without it broadcasts cannot be sent.'
    FROM columns_wrong AS w
)

SELECT
    r.check_name,
    'error' AS severity,
    r.client_id,
    r.open_channel_id,
    r.closed_channel_id,
    r.broadcast_id,
    r.detail,
    r.remedy
FROM rows_found AS r
UNION ALL
SELECT
    s.check_name,
    CASE
        WHEN s.check_name IN ('key_not_validated', 'index_invalid', 'column_missing', 'column_type') THEN 'warning'
        ELSE 'error'
    END AS severity,
    NULL,
    NULL,
    NULL,
    NULL,
    s.detail,
    s.remedy
FROM structure_found AS s;
$$;

COMMENT ON FUNCTION broadcast.find_integrity_violations() IS
'Everything that breaks the rule, with its remedy; no row when each channel has exactly one broadcast row.';
REVOKE ALL ON FUNCTION broadcast.find_integrity_violations() FROM public;

-- Reads a function: a view over the tables would stop their owner from changing a column's type.
CREATE OR REPLACE VIEW broadcast.integrity_violations AS
SELECT
    v.check_name,
    v.severity,
    v.client_id,
    v.open_channel_id,
    v.closed_channel_id,
    v.broadcast_id,
    v.detail,
    v.remedy
FROM broadcast.find_integrity_violations() AS v;

COMMENT ON VIEW broadcast.integrity_violations IS
'Everything that breaks the rule, with its remedy; empty when each channel has exactly one broadcast row.';

CREATE OR REPLACE VIEW broadcast.rule_parts AS
SELECT
    w.part,
    EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t
        WHERE t.tgname = w.part AND t.tgrelid = to_regclass('public.' || w.table_name) AND t.tgenabled IN ('O', 'A')
    ) AS in_force
FROM (
    VALUES
    ('create_broadcast_rows', 'main_clients_database'),
    ('take_over_auto_created_row', 'broadcast_manager'),
    ('refuse_broadcast_truncate', 'broadcast_manager')
) AS w (part, table_name)
UNION ALL
SELECT
    w.part,
    EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS k
        WHERE
            k.conname = w.part AND k.conrelid = to_regclass('public.' || w.table_name) AND k.convalidated
            -- NOT ENFORCED came with PostgreSQL 18; in older releases to_jsonb() has no such field.
            AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, TRUE)
            AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_trigger AS t
                WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A')
            )
    ) AS in_force
FROM (
    VALUES
    ('broadcast_manager_client_id_pair_fkey', 'broadcast_manager'),
    ('main_clients_database_pair_fkey', 'main_clients_database')
) AS w (part, table_name);

COMMENT ON VIEW broadcast.rule_parts IS
'Whether each trigger and key of the rule is in force, read from the catalogue alone: cheap at any size.';

CREATE OR REPLACE FUNCTION broadcast.queue()
RETURNS TABLE (due bigint, oldest_due timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        count(*),
        min(b.next_send_time) FILTER (WHERE isfinite(b.next_send_time))
    FROM public.broadcast_manager AS b
    WHERE b.is_active AND b.broadcast_status IN ('pending', 'completed', 'failed') AND b.next_send_time <= now();
$$;

COMMENT ON FUNCTION broadcast.queue() IS
'How many broadcasts are due now, and since when the oldest is.';
REVOKE ALL ON FUNCTION broadcast.queue() FROM public;

CREATE OR REPLACE FUNCTION broadcast.broadcasts_by_state()
RETURNS TABLE (state text, count bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        broadcast.broadcast_state(b),
        count(*)
    FROM public.broadcast_manager AS b
    GROUP BY 1;
$$;

COMMENT ON FUNCTION broadcast.broadcasts_by_state() IS
'How many broadcasts are in each state of broadcast_state().';
REVOKE ALL ON FUNCTION broadcast.broadcasts_by_state() FROM public;

CREATE OR REPLACE FUNCTION broadcast.integrity_counts()
RETURNS TABLE (check_name text, severity text, count bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        v.check_name,
        v.severity,
        count(*)
    FROM broadcast.find_integrity_violations() AS v
    GROUP BY v.check_name, v.severity;
$$;

COMMENT ON FUNCTION broadcast.integrity_counts() IS
'How often each check of find_integrity_violations() finds something; no row for a check that finds nothing.';
REVOKE ALL ON FUNCTION broadcast.integrity_counts() FROM public;

CREATE OR REPLACE FUNCTION broadcast.check_operator(operator_id uuid)
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM broadcast.operators AS o WHERE o.user_id = operator_id) THEN
        RAISE EXCEPTION 'user % is no operator', operator_id
        USING ERRCODE = 'BM015', HINT = 'Operators are the users named in broadcast.operators.';
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.check_operator(uuid) IS
'Refuses whoever is not named in broadcast.operators.';
REVOKE ALL ON FUNCTION broadcast.check_operator(uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.recent_failures(operator_id uuid, max_count integer)
RETURNS TABLE (
    broadcast_id uuid,
    username text,
    open_channel_id text,
    open_channel_title text,
    consecutive_failures bigint,
    last_error_message text,
    last_error_time timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    PERFORM broadcast.check_operator(operator_id);
    RETURN QUERY
    SELECT
        b.id,
        u.username::text,
        b.open_channel_id::text,
        c.open_channel_title::text,
        coalesce(b.consecutive_failures, 0)::bigint,
        b.last_error_message::text,
        b.last_error_time::timestamptz
    FROM public.broadcast_manager AS b
    LEFT JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    LEFT JOIN public.registered_users AS u ON b.client_id = u.user_id
    WHERE b.broadcast_status = 'failed' OR b.consecutive_failures > 0
    ORDER BY b.last_error_time DESC NULLS LAST, b.id
    LIMIT max_count;
END;
$$;

COMMENT ON FUNCTION broadcast.recent_failures(uuid, integer) IS
'The broadcasts whose last send failed, the latest first, for an operator.';
REVOKE ALL ON FUNCTION broadcast.recent_failures(uuid, integer) FROM public;

CREATE OR REPLACE FUNCTION broadcast.first_integrity_violations(operator_id uuid, max_count integer)
RETURNS SETOF broadcast.integrity_violations
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM broadcast.check_operator(operator_id);
    RETURN QUERY
    SELECT v.*
    FROM broadcast.find_integrity_violations() AS v
    ORDER BY v.severity, v.check_name, v.client_id, v.open_channel_id, v.closed_channel_id, v.broadcast_id
    LIMIT max_count;
END;
$$;

COMMENT ON FUNCTION broadcast.first_integrity_violations(uuid, integer) IS
'What breaks the rule now, worst first, for an operator.';
REVOKE ALL ON FUNCTION broadcast.first_integrity_violations(uuid, integer) FROM public;

CREATE OR REPLACE FUNCTION broadcast.check_integrity(max_age interval DEFAULT '0')
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found broadcast.integrity_check;
BEGIN
    found.checked_at := clock_timestamp();
    IF EXISTS (SELECT FROM broadcast.integrity_check AS c WHERE c.checked_at > found.checked_at - max_age)
        -- One check at a time is enough for all.
        OR NOT pg_try_advisory_xact_lock(hashtextextended('broadcast_manager.check_integrity', 0))
    THEN
        RETURN FALSE;
    END IF;
    found.is_only_row := TRUE;
    found.channels := (SELECT count(*) FROM public.main_clients_database);
    SELECT
        count(*),
        count(*) FILTER (WHERE b.is_active AND b.broadcast_status = 'failed'),
        coalesce(sum(b.successful_broadcasts), 0),
        coalesce(sum(b.failed_broadcasts), 0)
    INTO found.broadcasts, found.failing, found.attempts_successful, found.attempts_failed
    FROM public.broadcast_manager AS b;
    found.switched_off := (
        SELECT coalesce(jsonb_object_agg(r.reason, r.count), '{}')
        FROM (
            SELECT broadcast.off_reason(b) AS reason, count(*) AS count
            FROM public.broadcast_manager AS b
            WHERE b.is_active IS NOT TRUE
            GROUP BY 1
        ) AS r
    );
    found.violations := (
        SELECT coalesce(jsonb_object_agg(v.check_name, v.count), '{}') FROM broadcast.integrity_counts() AS v
    );
    found.duration := clock_timestamp() - found.checked_at;
    DELETE FROM broadcast.integrity_check;
    INSERT INTO broadcast.integrity_check SELECT found.*;
    RETURN TRUE;
END;
$$;

COMMENT ON FUNCTION broadcast.check_integrity(interval) IS
'Makes the full check and keeps what it found, unless the last one is younger than max_age or another is under way.';
REVOKE ALL ON FUNCTION broadcast.check_integrity(interval) FROM public;

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

CREATE OR REPLACE FUNCTION broadcast.try_rule()
RETURNS TABLE (step text, is_done boolean, detail text, error_code text, trigger_name text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_variable
DECLARE
    steps constant text [] := ARRAY[
        'A channel is inserted',
        'Its broadcast row is there',
        'COMMIT would take it',
        'Its pair changes, and the row follows',
        'It is deleted, and the row with it'
    ];
    done integer := 0;
    details text [] := '{}';
    open_id constant text := '-100' || lpad(floor(random() * 1e10)::bigint::text, 10, '0');
    closed_id constant text := '-100' || lpad(floor(random() * 1e10)::bigint::text, 10, '0');
    moved_id constant text := '-100' || lpad(floor(random() * 1e10)::bigint::text, 10, '0');
    client constant uuid := (SELECT u.user_id FROM public.registered_users AS u LIMIT 1);
    example public.main_clients_database;
    found uuid;
    followed uuid;
    message text;
    error_detail text;
    hint text;
    context text;
    code text;
BEGIN
    BEGIN
        -- Whatever other columns there are have values that are allowed where a channel has them.
        SELECT c.* INTO example FROM public.main_clients_database AS c LIMIT 1;
        example := jsonb_populate_record(example, jsonb_build_object(
            'client_id', client,
            'open_channel_id', open_id, 'open_channel_title', 'Trial', 'open_channel_description', 'Trial',
            'closed_channel_id', closed_id, 'closed_channel_title', 'Trial', 'closed_channel_description', 'Trial',
            'closed_channel_donation_message', 'Trial',
            'sub_1_price', 5, 'sub_1_time', 30, 'client_wallet_address', '0x0', 'payout_strategy', 'instant',
            'client_payout_currency', coalesce(example.client_payout_currency::text, 'USDT'),
            'client_payout_network', coalesce(example.client_payout_network::text, 'ETH')
        ));
        INSERT INTO public.main_clients_database (
            client_id, open_channel_id, open_channel_title, open_channel_description,
            closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
            sub_1_price, sub_1_time, client_wallet_address, client_payout_currency, client_payout_network,
            payout_strategy
        )
        VALUES (
            example.client_id, example.open_channel_id, example.open_channel_title, example.open_channel_description,
            example.closed_channel_id, example.closed_channel_title, example.closed_channel_description,
            example.closed_channel_donation_message,
            example.sub_1_price, example.sub_1_time, example.client_wallet_address, example.client_payout_currency,
            example.client_payout_network, example.payout_strategy
        );
        done := 1;
        details := details || format('pair (%s, %s) of user %s', open_id, closed_id, client);

        found := (
            SELECT b.id FROM public.broadcast_manager AS b
            WHERE b.open_channel_id = open_id AND b.closed_channel_id = closed_id AND b.client_id = client
        );
        IF found IS NULL THEN
            RAISE EXCEPTION 'no broadcast row was created'
            USING HINT = 'broadcast-manager doctor names what is missing.';
        END IF;
        done := 2;
        details := details || format('broadcast_id %s', found);

        SET CONSTRAINTS ALL IMMEDIATE;
        done := 3;
        details := details || 'every deferred key holds'::text;
        SET CONSTRAINTS ALL DEFERRED;

        UPDATE public.main_clients_database AS c
        SET closed_channel_id = moved_id
        WHERE c.open_channel_id = open_id AND c.closed_channel_id = closed_id;
        followed := (
            SELECT b.id FROM public.broadcast_manager AS b
            WHERE b.open_channel_id = open_id AND b.closed_channel_id = moved_id
        );
        IF followed IS DISTINCT FROM found THEN
            RAISE EXCEPTION 'the broadcast row did not follow'
            USING HINT = 'broadcast-manager doctor names what is missing.';
        END IF;
        done := 4;
        details := details || format('the same broadcast_id, now for %s', moved_id);

        DELETE FROM public.main_clients_database AS c
        WHERE c.open_channel_id = open_id AND c.closed_channel_id = moved_id;
        IF EXISTS (SELECT FROM public.broadcast_manager AS b WHERE b.id = found) THEN
            RAISE EXCEPTION 'the broadcast row is still there'
            USING HINT = 'broadcast-manager doctor names what is missing.';
        END IF;
        done := 5;
        details := details || 'nothing of it is left'::text;

        -- Takes everything back, whatever happened.
        RAISE EXCEPTION 'tried';
    EXCEPTION
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS
                message = MESSAGE_TEXT, error_detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
                context = PG_EXCEPTION_CONTEXT, code = RETURNED_SQLSTATE;
    END;

    FOR number IN 1 .. done LOOP
        RETURN QUERY SELECT steps[number], TRUE, details[number], NULL::text, NULL::text;
    END LOOP;
    IF done < cardinality(steps) THEN
        RETURN QUERY
        SELECT
            steps[done + 1],
            FALSE,
            concat_ws(' ', message, nullif(error_detail, ''), nullif(hint, '')),
            code,
            -- The function where it went wrong stands first in the context, and its trigger in the catalogue.
            (
                SELECT format('%s on %s', t.tgname, t.tgrelid::regclass)
                FROM pg_trigger AS t
                INNER JOIN pg_proc AS p ON t.tgfoid = p.oid
                WHERE NOT t.tgisinternal
                    AND t.tgrelid IN (
                        'public.main_clients_database'::regclass, 'public.broadcast_manager'::regclass
                    )
                    AND position(p.proname || '()' IN context) > 0
                ORDER BY position(p.proname || '()' IN context), t.tgname
                LIMIT 1
            );
    ELSE
        RETURN QUERY SELECT
            'Everything is taken back'::text,
            NOT EXISTS (
                SELECT FROM public.main_clients_database AS c
                WHERE c.open_channel_id = open_id
            ),
            'nothing was changed'::text,
            NULL::text,
            NULL::text;
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.try_rule() IS
'Inserts a channel, reads its id, edits and deletes it, takes all of it back and tells each step, or the error with '
'its SQLSTATE and the trigger that it came from.';
REVOKE ALL ON FUNCTION broadcast.try_rule() FROM public;

CREATE OR REPLACE FUNCTION broadcast.operator_tries_rule(operator_id uuid)
RETURNS TABLE (step text, is_done boolean, detail text, error_code text, trigger_name text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    PERFORM broadcast.check_operator(operator_id);
    RETURN QUERY SELECT t.step, t.is_done, t.detail, t.error_code, t.trigger_name FROM broadcast.try_rule() AS t;
END;
$$;

COMMENT ON FUNCTION broadcast.operator_tries_rule(uuid) IS
'try_rule(), for an operator.';
REVOKE ALL ON FUNCTION broadcast.operator_tries_rule(uuid) FROM public;
