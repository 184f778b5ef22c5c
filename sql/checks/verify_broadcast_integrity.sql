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
