-- Looks for everything that the later revisions could not take, and refuses before anything is changed.
DO $$
DECLARE
    users constant regclass := to_regclass('public.registered_users');
    channels constant regclass := to_regclass('public.main_clients_database');
    broadcasts constant regclass := to_regclass('public.broadcast_manager');
    problems text [] := '{}';
    problem text;
    foreign_key record;
    missing text;
BEGIN
    IF current_setting('server_version_num')::integer < 150000 THEN
        problems := problems || format('PostgreSQL %s: 15 or newer is needed.', current_setting('server_version'));
    END IF;

    FOR problem IN
        SELECT format('%s is partitioned, inherited or no plain table: the rule needs plain tables.', c.oid::regclass)
        FROM pg_class AS c
        WHERE c.oid IN (users, channels, broadcasts) AND (
            c.relkind <> 'r' OR c.relpersistence <> 'p'
            OR EXISTS (SELECT FROM pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent))
        )
        UNION ALL
        -- Owners can take rights away from themselves.
        SELECT format('You may not %s on %s, though it is yours: GRANT ALL ON %2$s TO %3$I;', string_agg(w.privilege, ', '), w.oid::regclass, current_user)
        FROM (
            SELECT c.oid, n.privilege
            FROM pg_class AS c
            CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'REFERENCES', 'TRIGGER']) AS n (privilege)
            WHERE c.oid IN (users, channels, broadcasts) AND NOT has_table_privilege(c.oid, n.privilege)
                AND (c.oid <> users OR n.privilege IN ('SELECT', 'UPDATE', 'REFERENCES'))
        ) AS w
        GROUP BY w.oid
        UNION ALL
        SELECT format(
            'Trigger %1$I on %2$s has a name that the rule needs: ALTER TRIGGER %1$I ON %2$s RENAME TO ...;',
            t.tgname, t.tgrelid::regclass
        )
        FROM pg_trigger AS t
        INNER JOIN pg_proc AS p ON t.tgfoid = p.oid
        WHERE t.tgrelid IN (channels, broadcasts) AND p.pronamespace IS DISTINCT FROM to_regnamespace('broadcast')
            AND t.tgname IN (
                'create_broadcast_rows', 'take_over_auto_created_row', 'refuse_broadcast_truncate', 'notify_channel_insert',
                'notify_channel_update', 'notify_channel_delete', 'notify_broadcast_update'
            )
        UNION ALL
        SELECT format(
            'Constraint %1$I on %2$s has a name that the rule needs: ALTER TABLE %2$s RENAME CONSTRAINT %1$I TO ...;',
            k.conname, k.conrelid::regclass
        )
        FROM pg_constraint AS k
        WHERE (k.conrelid = broadcasts AND k.conname = 'broadcast_manager_client_id_pair_fkey' AND k.confrelid <> channels)
            OR (k.conrelid = channels AND k.conname = 'main_clients_database_pair_fkey' AND k.confrelid <> broadcasts)
            OR (k.conrelid = channels AND k.conname = 'main_clients_database_owner_fkey' AND k.confrelid <> users)
        UNION ALL
        SELECT format('%1$s has a name that an index of the rule needs: rename it.', c.oid::regclass)
        FROM (
            VALUES
            ('broadcast_manager_pair_key', broadcasts), ('broadcast_manager_next_send_time_idx', broadcasts),
            ('main_clients_database_pair_key', channels), ('main_clients_database_client_id_pair_key', channels)
        ) AS w (index_name, table_oid)
        INNER JOIN pg_class AS c ON c.oid = to_regclass('public.' || w.index_name)
        WHERE w.table_oid IS DISTINCT FROM (SELECT i.indrelid FROM pg_index AS i WHERE i.indexrelid = c.oid)
        UNION ALL
        -- What is hidden would be taken for missing.
        SELECT format(
            'Row level security hides rows of %1$s from you (policies: %2$s): ALTER TABLE %1$s NO FORCE ROW LEVEL SECURITY.',
            c.oid::regclass,
            coalesce((SELECT string_agg(p.polname, ', ') FROM pg_policy AS p WHERE p.polrelid = c.oid), 'none')
        )
        FROM pg_class AS c
        WHERE c.oid IN (users, channels, broadcasts) AND row_security_active(c.oid)
        UNION ALL
        SELECT format(
            'Rule %1$I on %2$s rewrites statements, and those of the rule do not pass it: DROP RULE %1$I ON %2$s, or make it a '
            'trigger.', r.rulename, r.ev_class::regclass
        )
        FROM pg_rewrite AS r
        WHERE r.ev_class IN (channels, broadcasts) AND r.ev_type <> '1' AND r.ev_enabled <> 'D'
    LOOP
        problems := problems || problem;
    END LOOP;

    SELECT string_agg(w.relation || '.' || w.column_name, ', ') INTO missing
    FROM (
        VALUES
        (users, 'public.registered_users', 'user_id', 'uuid'),
        (channels, 'public.main_clients_database', 'client_id', 'uuid'),
        (channels, 'public.main_clients_database', 'open_channel_id', 'text'),
        (channels, 'public.main_clients_database', 'closed_channel_id', 'text'),
        (broadcasts, 'public.broadcast_manager', 'id', 'uuid'),
        (broadcasts, 'public.broadcast_manager', 'client_id', 'uuid'),
        (broadcasts, 'public.broadcast_manager', 'open_channel_id', 'text'),
        (broadcasts, 'public.broadcast_manager', 'closed_channel_id', 'text')
    ) AS w (table_oid, relation, column_name, type_name)
    WHERE w.table_oid IS NOT NULL AND NOT EXISTS (
        SELECT FROM pg_attribute AS a
        WHERE a.attrelid = w.table_oid AND a.attname = w.column_name AND NOT a.attisdropped
            AND replace(format_type(a.atttypid, NULL), 'character varying', 'text') = w.type_name
    );
    IF missing IS NOT NULL THEN
        problems := problems || format('These columns are missing or have another type than uuid or text: %s.', missing);
    END IF;

    IF channels IS NOT NULL AND users IS NULL THEN
        problems := problems || 'There are channels but no table registered_users.'::text;
    END IF;

    FOR problem IN
        SELECT format('%s.%s has no unique key: ALTER TABLE %1$s ADD PRIMARY KEY (%2$s).', w.table_oid, w.column_name)
        FROM (VALUES (users, 'user_id'), (broadcasts, 'id')) AS w (table_oid, column_name)
        INNER JOIN pg_attribute AS a ON w.table_oid = a.attrelid AND w.column_name = a.attname AND NOT a.attisdropped
        INNER JOIN pg_class AS c ON w.table_oid = c.oid AND c.relkind = 'r'
        WHERE NOT EXISTS (
            SELECT FROM pg_index AS i
            WHERE i.indrelid = w.table_oid AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum
                AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
        )
        UNION ALL
        SELECT format(
            'Constraint %s on broadcast_manager is deferrable, and ON CONFLICT cannot use such a key: '
            'drop it and add it again NOT DEFERRABLE.', k.conname
        )
        FROM pg_constraint AS k
        WHERE k.conrelid = broadcasts AND k.contype = 'u' AND k.condeferrable
            AND ARRAY['closed_channel_id', 'open_channel_id'] = (
                SELECT array_agg(a.attname::text ORDER BY a.attname)
                FROM pg_attribute AS a
                WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
            )
        UNION ALL
        SELECT format(
            '%s may not make indexes in the schema public: have its owner or a superuser run GRANT CREATE ON SCHEMA public TO %1$I;',
            current_user
        )
        WHERE NOT has_schema_privilege('public', 'CREATE')
    LOOP
        problems := problems || problem;
    END LOOP;

    -- What follows reads the tables, so it needs them as they should be.
    IF problems = '{}' AND channels IS NOT NULL THEN
        FOR problem IN
            SELECT format('%s channels lack owner or ids, at most 20 listed: %s', max(n.total), string_agg(n.line, '; '))
            FROM (
                SELECT count(*) OVER () AS total, format(
                    'client %s pair (%s, %s)', coalesce(c.client_id::text, 'NULL'),
                    coalesce(c.open_channel_id, 'NULL'), coalesce(c.closed_channel_id, 'NULL')
                ) AS line
                FROM public.main_clients_database AS c
                WHERE c.client_id IS NULL OR c.open_channel_id IS NULL OR c.closed_channel_id IS NULL
                ORDER BY line LIMIT 20
            ) AS n
            HAVING count(*) > 0
            UNION ALL
            SELECT format('%s pairs stand in several channels, at most 20 listed: %s', max(n.total), string_agg(n.line, '; '))
            FROM (
                SELECT count(*) OVER () AS total, format(
                    'pair (%s, %s) of clients %s', c.open_channel_id, c.closed_channel_id, string_agg(c.client_id::text, ', ')
                ) AS line
                FROM public.main_clients_database AS c
                WHERE c.open_channel_id IS NOT NULL AND c.closed_channel_id IS NOT NULL
                GROUP BY c.open_channel_id, c.closed_channel_id
                HAVING count(*) > 1
                ORDER BY line LIMIT 20
            ) AS n
            HAVING count(*) > 0
            UNION ALL
            SELECT format('%s channels have an owner that does not exist, at most 20 listed: %s', max(n.total), string_agg(n.line, '; '))
            FROM (
                SELECT count(*) OVER () AS total, format(
                    'client %s pair (%s, %s)', c.client_id, c.open_channel_id, c.closed_channel_id
                ) AS line
                FROM public.main_clients_database AS c
                LEFT JOIN public.registered_users AS u ON c.client_id = u.user_id
                WHERE c.client_id IS NOT NULL AND u.user_id IS NULL
                ORDER BY line LIMIT 20
            ) AS n
            HAVING count(*) > 0
        LOOP
            problems := problems || problem;
        END LOOP;
    END IF;

    -- A repair takes out broadcast rows without channel and doubles. Rows of others that point at them would stop it, or
    -- be deleted along with them.
    IF problems = '{}' AND channels IS NOT NULL AND broadcasts IS NOT NULL THEN
        FOR foreign_key IN
            SELECT k.conrelid::regclass AS relation, a.attname AS column_name
            FROM pg_constraint AS k
            INNER JOIN pg_attribute AS a ON k.conrelid = a.attrelid AND k.conkey[1] = a.attnum
            INNER JOIN pg_attribute AS i ON k.confrelid = i.attrelid AND k.confkey = ARRAY[i.attnum] AND i.attname = 'id'
            WHERE k.contype = 'f' AND k.confrelid = broadcasts
        LOOP
            EXECUTE format(
                $query$
                SELECT format(
                    'Rows of %1$s point at %%s broadcast rows that have no channel, or stand beside another of the same '
                    'pair; they would be taken out. Decide what the rows of %1$s belong to. At most 20 listed: %%s',
                    max(n.total), string_agg(n.id::text, ', ')
                )
                FROM (
                    SELECT b.id, count(*) OVER () AS total
                    FROM public.broadcast_manager AS b
                    WHERE EXISTS (SELECT FROM %1$s AS f WHERE f.%2$I = b.id) AND (
                        NOT EXISTS (
                            SELECT FROM public.main_clients_database AS c
                            WHERE c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
                        )
                        OR EXISTS (
                            SELECT FROM public.broadcast_manager AS d
                            WHERE d.open_channel_id = b.open_channel_id AND d.closed_channel_id = b.closed_channel_id
                                AND d.id <> b.id
                        )
                    )
                    ORDER BY b.id LIMIT 20
                ) AS n
                HAVING count(*) > 0
                $query$, foreign_key.relation, foreign_key.column_name
            ) INTO problem;
            IF problem IS NOT NULL THEN
                problems := problems || problem;
            END IF;
        END LOOP;
    END IF;

    IF problems <> '{}' THEN
        RAISE EXCEPTION 'the rule cannot be installed here yet; nothing was changed'
        USING ERRCODE = 'BM004',
            DETAIL = array_to_string(problems, E'\n'),
            HINT = 'Channels are customers'' data, so no migration decides about them: put right what is listed, '
                'then run alembic upgrade head again.';
    END IF;
END;
$$;

-- Statements of each kind that the later revisions have, tried and taken back: event triggers of others see them, and
-- default privileges, a tablespace or a language can refuse them.
DO $$
DECLARE
    tried text;
BEGIN
    IF to_regnamespace('broadcast') IS NULL THEN
        RETURN;
    END IF;
    FOREACH tried IN ARRAY ARRAY[
        'CREATE TABLE broadcast.tried (id integer)',
        'CREATE INDEX tried_idx ON broadcast.tried (id)',
        'CREATE VIEW broadcast.tried_view AS SELECT 1 AS one',
        'CREATE FUNCTION broadcast.tried() RETURNS trigger LANGUAGE plpgsql AS $f$BEGIN RETURN NULL; END$f$',
        'CREATE PROCEDURE broadcast.tried_too() LANGUAGE plpgsql AS $f$BEGIN END$f$',
        'CALL broadcast.tried_too()',
        'CREATE FUNCTION broadcast.tried_sql() RETURNS integer LANGUAGE sql AS $f$SELECT count(*)::integer FROM broadcast.tried$f$',
        'REVOKE ALL ON FUNCTION broadcast.tried_sql() FROM public',
        'SELECT broadcast.tried_sql()',
        'CREATE TRIGGER tried AFTER INSERT ON broadcast.tried EXECUTE FUNCTION broadcast.tried()',
        'ALTER TABLE broadcast.tried ADD CONSTRAINT tried_key UNIQUE (id)',
        'ALTER TABLE broadcast.tried DROP CONSTRAINT tried_key',
        'COMMENT ON TABLE broadcast.tried IS $f$Tried and taken back.$f$',
        'REVOKE ALL ON broadcast.tried FROM public',
        'GRANT SELECT ON broadcast.tried TO CURRENT_USER',
        'DROP INDEX broadcast.tried_idx',
        'DROP TRIGGER tried ON broadcast.tried',
        'DROP FUNCTION broadcast.tried()',
        'DROP TABLE broadcast.tried'
    ]
    LOOP
        EXECUTE tried;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'BM005';
EXCEPTION
    WHEN SQLSTATE 'BM005' THEN NULL;
    WHEN OTHERS THEN
        RAISE EXCEPTION 'the rule cannot be installed here yet; nothing was changed'
        USING ERRCODE = 'BM004',
            DETAIL = format(
                'A statement as the upgrade has many, tried and taken back, is refused: %s: %s (SQLSTATE %s).%s',
                tried, sqlerrm, sqlstate,
                (
                    SELECT ' Event triggers: ' || string_agg(e.evtname, ', ' ORDER BY e.evtname)
                    FROM pg_event_trigger AS e
                    WHERE e.evtenabled IN ('O', 'A') AND e.evtevent <> 'login'
                )
            ),
            HINT = 'Have a superuser grant what is missing, or run ALTER EVENT TRIGGER ... DISABLE for the time of the upgrade, '
                'then run alembic upgrade head again.';
END;
$$;

-- Then tries what will happen, with the rows that it will happen to, and takes it back: constraints and triggers of others
-- show themselves here and not in front of a client.
DO $$
DECLARE
    channels constant regclass := to_regclass('public.main_clients_database');
    broadcasts constant regclass := to_regclass('public.broadcast_manager');
    problems text [] := '{}';
    own_path constant text := current_setting('search_path');
    -- The columns of a created row that this table has, and their values.
    created_columns text;
    created_values text;
    channel_columns text;
    channel_values text;
    -- All missing rows where something of others' looks at each of them, else a handful.
    how_many integer;
    expected bigint;
    done bigint;
    ids uuid [];
    -- Each created row as one line: id, owner, pair.
    made text [];
    pairs text [];
    tried_open text;
    tried_closed text;
    stored_open text;
    stored_closed text;
    step text;
    rewriters text;
    too_early text;
    holders text;
    failed_constraint text;
    failed_column text;
    failed_in text;
BEGIN
    -- With our own keys in place there is nothing to try: they would refuse what is tried here.
    IF channels IS NULL OR broadcasts IS NULL
        OR EXISTS (SELECT FROM pg_constraint AS k WHERE k.conname = 'broadcast_manager_client_id_pair_fkey' AND k.conrelid = broadcasts)
    THEN
        RETURN;
    END IF;

    SELECT string_agg(a.attname, ', '), string_agg(w.value, ', ') INTO created_columns, created_values
    FROM (
        VALUES
        -- As create_broadcast_rows() makes it.
        (
            'id',
            'encode(overlay(uuid_send(gen_random_uuid()) PLACING int8send('
            '((date_part(''epoch'', now()) * 1000000)::bigint / 1000 << 16) | 32768 '
            '| ((date_part(''epoch'', now()) * 1000000)::bigint % 1000 << 2)) FROM 1), ''hex'')::uuid'
        ),
        ('client_id', 'c.client_id'),
        ('open_channel_id', 'c.open_channel_id'), ('closed_channel_id', 'c.closed_channel_id'),
        ('broadcast_status', '''pending'''), ('is_active', 'true'), ('next_send_time', 'now()'),
        ('total_broadcasts', '0'), ('successful_broadcasts', '0'), ('failed_broadcasts', '0'),
        ('consecutive_failures', '0'), ('manual_trigger_count', '0'), ('created_at', 'now()'), ('updated_at', 'now()')
    ) AS w (column_name, value)
    INNER JOIN pg_attribute AS a ON w.column_name = a.attname AND NOT a.attisdropped
    WHERE a.attrelid = broadcasts;

    how_many := CASE
        WHEN EXISTS (
            SELECT FROM pg_trigger AS t
            WHERE t.tgrelid = broadcasts AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                -- ON INSERT or DELETE.
                AND t.tgtype & 12 > 0
        ) OR EXISTS (
            SELECT FROM pg_constraint AS k
            INNER JOIN pg_attribute AS a ON k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)
            WHERE k.conrelid = broadcasts AND k.contype IN ('c', 'f', 'x')
                AND a.attname IN ('client_id', 'open_channel_id', 'closed_channel_id')
                AND k.confrelid <> coalesce(to_regclass('public.registered_users')::oid, 0)
        ) OR EXISTS (
            -- Unique keys, but for the pair's own.
            SELECT FROM pg_index AS i
            WHERE i.indrelid = broadcasts AND i.indisunique AND NOT i.indisprimary
                AND NOT ARRAY['closed_channel_id', 'open_channel_id'] <@ (
                    SELECT array_agg(a.attname::text) FROM pg_attribute AS a
                    WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
                )
        ) THEN NULL
        ELSE 10
    END;

    FOR attempt IN 1..60 LOOP
        problems := '{}';
        BEGIN
            PERFORM set_config('search_path', 'pg_catalog, pg_temp', true), set_config('lock_timeout', '100ms', true);

            -- From within a trigger, as it will be: triggers of others ask how deep they are.
            CREATE TABLE broadcast.tried (statement text, how_many integer, expected bigint, ids uuid [], made text []);
            CREATE FUNCTION broadcast.tried() RETURNS trigger LANGUAGE plpgsql AS $f$
            BEGIN
                EXECUTE new.statement INTO new.expected, new.ids, new.made USING new.how_many, new.ids;
                RETURN new;
            END
            $f$;
            CREATE TRIGGER tried BEFORE INSERT ON broadcast.tried FOR EACH ROW EXECUTE FUNCTION broadcast.tried();

            step := 'Broadcast rows without a channel, tried and taken back, cannot be taken out';
            -- By their ids, here and below: clients go on writing, and what they do in between is no trigger's doing.
            SELECT array_agg(b.id) INTO ids
            FROM public.broadcast_manager AS b
            WHERE NOT EXISTS (
                SELECT FROM public.main_clients_database AS c
                WHERE c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
            );
            DELETE FROM public.broadcast_manager AS b WHERE b.id = ANY (ids);
            SELECT count(*) INTO done FROM public.broadcast_manager AS b WHERE b.id = ANY (ids);
            IF done > 0 THEN
                problems := problems || format('%s: a trigger keeps %s of them.', step, done);
            END IF;

            step := 'The broadcast rows that channels lack, tried and taken back, cannot be created as the rule will';
            -- Where no channel lacks its row, one row is made again, unless rows of others point at it.
            IF NOT EXISTS (
                SELECT FROM public.main_clients_database AS c
                WHERE NOT EXISTS (
                    SELECT FROM public.broadcast_manager AS b
                    WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
                )
            ) THEN
                BEGIN
                    DELETE FROM public.broadcast_manager AS b
                    WHERE b.id = (SELECT a.id FROM public.broadcast_manager AS a LIMIT 1 FOR UPDATE SKIP LOCKED);
                    SET CONSTRAINTS ALL IMMEDIATE;
                EXCEPTION
                    WHEN foreign_key_violation THEN NULL;
                END;
                SET CONSTRAINTS ALL DEFERRED;
            END IF;
            INSERT INTO broadcast.tried AS t (how_many, statement) VALUES (how_many, format(
                $query$
                WITH lacking AS (
                    SELECT c.client_id, c.open_channel_id::text, c.closed_channel_id::text
                    FROM public.main_clients_database AS c
                    WHERE NOT EXISTS (
                        SELECT FROM public.broadcast_manager AS b
                        WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
                    )
                    LIMIT $1
                ), tried AS (
                    SELECT l.client_id, l.open_channel_id, l.closed_channel_id FROM lacking AS l
                    UNION ALL
                    SELECT
                        coalesce((SELECT u.user_id FROM public.registered_users AS u LIMIT 1), gen_random_uuid()),
                        '-1009999999999', '-1009999999998'
                    WHERE NOT EXISTS (SELECT FROM public.main_clients_database)
                ), created AS (
                    INSERT INTO public.broadcast_manager (%s) SELECT %s FROM tried AS c
                    RETURNING id, client_id, open_channel_id, closed_channel_id
                )
                SELECT
                    (SELECT count(*) FROM tried),
                    (SELECT array_agg(c.id) FROM created AS c),
                    (
                        SELECT array_agg(concat_ws(' ', c.id, t.client_id, t.open_channel_id, t.closed_channel_id))
                        FROM created AS c
                        INNER JOIN tried AS t
                            ON c.client_id = t.client_id
                                AND c.open_channel_id = t.open_channel_id AND c.closed_channel_id = t.closed_channel_id
                    )
                $query$, created_columns, created_values
            )) RETURNING t.expected, t.ids, t.made INTO expected, ids, made;
            IF coalesce(cardinality(ids), 0) < expected THEN
                problems := problems || format(
                    '%s: a trigger swallows %s of %s.', step, expected - coalesce(cardinality(ids), 0), expected
                );
            END IF;
            -- Constraint triggers that are put off look at a row at its COMMIT.
            SET CONSTRAINTS ALL IMMEDIATE;
            SELECT count(*) INTO done
            FROM unnest(made) AS m (line)
            INNER JOIN public.broadcast_manager AS b
                ON m.line = concat_ws(' ', b.id, b.client_id, b.open_channel_id, b.closed_channel_id);
            IF done < cardinality(ids) THEN
                problems := problems || format(
                    '%s: a trigger takes away or changes %s of %s.', step, cardinality(ids) - done, cardinality(ids)
                );
            END IF;

            -- A key lets a broadcast row have the pair only once the channel has it.
            step := 'A trigger moves the broadcast row of an edited channel before the channel itself';
            SELECT string_agg(format('%s (%s)', t.tgname, t.tgfoid::regproc), ', ') INTO too_early
            FROM pg_trigger AS t
            WHERE t.tgrelid = channels AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 18 = 18
                -- Where an AFTER trigger is there, too, it cannot be told which of them did it.
                AND NOT EXISTS (
                    SELECT FROM pg_trigger AS o
                    WHERE o.tgrelid = channels AND NOT o.tgisinternal AND o.tgenabled <> 'D' AND o.tgtype & 18 = 16
                );
            IF too_early IS NOT NULL THEN
                BEGIN
                    UPDATE public.main_clients_database AS c SET closed_channel_id = '-100999999997'
                    FROM public.broadcast_manager AS b
                    WHERE b.id = ids[1] AND b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id;
                    IF EXISTS (
                        SELECT FROM public.broadcast_manager AS b WHERE b.id = ids[1] AND b.closed_channel_id = '-100999999997'
                    ) THEN
                        problems := problems || format('%s: %s. The rule does it: drop that, or make it an AFTER trigger.', step, too_early);
                    END IF;
                EXCEPTION
                    WHEN lock_not_available THEN RAISE;
                    -- What the table does not take, no client can do.
                    WHEN OTHERS THEN NULL;
                END;
            END IF;

            step := 'The edit of a pair, tried and taken back, does not reach its broadcast row';
            BEGIN
                INSERT INTO broadcast.tried (ids, statement) VALUES (
                    ids,
                    'WITH u AS (UPDATE public.broadcast_manager AS b SET closed_channel_id = ''-1009999999997'' WHERE b.id = $2[1] '
                    'RETURNING b.id) SELECT count(*), NULL::uuid [], NULL::text [] FROM u'
                );
                IF EXISTS (
                    SELECT FROM public.broadcast_manager AS b WHERE b.id = ids[1] AND b.closed_channel_id <> '-1009999999997'
                ) THEN
                    problems := problems || format('%s: a trigger swallows it.', step);
                END IF;
            EXCEPTION
                WHEN integrity_constraint_violation THEN
                    -- The pair is made up: that a constraint does not take it says nothing.
                    GET STACKED DIAGNOSTICS failed_constraint = CONSTRAINT_NAME;
                    IF failed_constraint = '' THEN
                        RAISE;
                    END IF;
            END;

            step := 'The deletion of a channel, tried and taken back, does not take its broadcast row along';
            -- Older writers replace the row that the rule created: their channels stay.
            SELECT array_agg(p.pair) INTO pairs
            FROM (
                SELECT concat_ws(' ', c.open_channel_id, c.closed_channel_id) AS pair
                FROM public.main_clients_database AS c
                INNER JOIN public.broadcast_manager AS b
                    ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
                WHERE b.id = ANY (ids)
                LIMIT 10
                FOR KEY SHARE OF c SKIP LOCKED
            ) AS p;
            BEGIN
                INSERT INTO broadcast.tried (ids, statement) VALUES (
                    ids,
                    'WITH d AS (DELETE FROM public.broadcast_manager AS b WHERE b.id = ANY ($2) RETURNING b.id) '
                    'SELECT count(*), NULL::uuid [], NULL::text [] FROM d'
                );
                SELECT count(*) INTO done FROM public.broadcast_manager AS b WHERE b.id = ANY (ids);
                IF done > 0 THEN
                    problems := problems || format('%s: a trigger keeps %s of %s.', step, done, cardinality(ids));
                END IF;
                SELECT count(*) INTO done
                FROM public.main_clients_database AS c WHERE concat_ws(' ', c.open_channel_id, c.closed_channel_id) = ANY (pairs);
                IF done < cardinality(pairs) THEN
                    problems := problems || 'A broadcast row that is taken out, tried and taken back, takes its channel along by a trigger.'::text;
                END IF;
            EXCEPTION
                -- Somebody's key points at the rows: a notice tells of it.
                WHEN foreign_key_violation THEN NULL;
            END;
            SET CONSTRAINTS ALL DEFERRED;

            -- What an AFTER trigger makes of a new channel comes after the rule has read it.
            step := 'The pair of a new channel, tried and taken back, is changed after the INSERT';
            SELECT string_agg(format('%s (%s)', t.tgname, t.tgfoid::regproc), ', ') INTO rewriters
            FROM pg_trigger AS t
            WHERE t.tgrelid = channels AND NOT t.tgisinternal AND t.tgenabled <> 'D'
                AND t.tgtype & 2 = 0 AND t.tgtype & 4 = 4
                -- AFTER triggers go by their names, those FOR EACH ROW first.
                AND (t.tgtype & 1 = 1 OR t.tgname < 'create_broadcast_rows');
            SELECT string_agg(format('%s (%s)', t.tgname, t.tgfoid::regproc), ', ') INTO too_early
            FROM pg_trigger AS t
            WHERE t.tgrelid = channels AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 6 = 6
                AND NOT EXISTS (
                    SELECT FROM pg_trigger AS o
                    WHERE o.tgrelid = channels AND NOT o.tgisinternal AND o.tgenabled <> 'D' AND o.tgtype & 6 = 4
                );
            IF rewriters IS NOT NULL OR too_early IS NOT NULL THEN
                SELECT
                    string_agg(quote_ident(a.attname), ', '),
                    string_agg(
                        CASE a.attname
                            WHEN 'open_channel_id' THEN '$1' WHEN 'closed_channel_id' THEN '$2' ELSE 'c.' || quote_ident(a.attname)
                        END, ', '
                    )
                INTO channel_columns, channel_values
                FROM pg_attribute AS a
                LEFT JOIN pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                WHERE a.attrelid = channels AND a.attnum > 0 AND NOT a.attisdropped
                    AND a.attidentity = '' AND a.attgenerated = ''
                    AND coalesce(pg_get_expr(d.adbin, d.adrelid), '') NOT LIKE 'nextval(%';
                PERFORM set_config('search_path', own_path, true);
                -- As clients might spell it. What the table does not take, no client can insert.
                FOR tried_open, tried_closed IN
                    SELECT
                        CASE WHEN w.odd & 1 = 1 THEN s.spelling ELSE '-100999999996' END,
                        CASE WHEN w.odd & 2 = 2 THEN replace(s.spelling, '6', '5') ELSE '-100999999995' END
                    FROM unnest(ARRAY[
                        '-100999999996', ' -10099999996', '-10099999996 ', '10099999996', '-0100999996', '+1009999996', '@nr_996'
                    ]) AS s (spelling)
                    CROSS JOIN generate_series(1, 3) AS w (odd)
                LOOP
                    BEGIN
                        EXECUTE format(
                            'INSERT INTO public.main_clients_database AS n (%s) '
                            'SELECT %s FROM public.main_clients_database AS c LIMIT 1 '
                            'RETURNING n.open_channel_id::text, n.closed_channel_id::text', channel_columns, channel_values
                        ) INTO stored_open, stored_closed USING tried_open, tried_closed;
                        IF stored_open IS NOT NULL AND NOT EXISTS (
                            SELECT FROM public.main_clients_database AS c
                            WHERE c.open_channel_id = stored_open AND c.closed_channel_id = stored_closed
                        ) THEN
                            problems := problems || format('%s by %s: make that a BEFORE trigger.', step, rewriters);
                            EXIT;
                        END IF;
                        IF too_early IS NOT NULL AND EXISTS (
                            SELECT FROM public.broadcast_manager AS b
                            WHERE b.open_channel_id = stored_open AND b.closed_channel_id = stored_closed
                        ) THEN
                            problems := problems || format(
                                'A trigger creates the broadcast row before its channel: %s. The rule does it: drop that, or make '
                                'it an AFTER trigger.', too_early
                            );
                            EXIT;
                        END IF;
                    EXCEPTION
                        WHEN lock_not_available THEN RAISE;
                        WHEN OTHERS THEN NULL;
                    END;
                END LOOP;
            END IF;

            -- Always taken back: this error of our own ends the subtransaction.
            RAISE EXCEPTION USING ERRCODE = 'BM005';
        EXCEPTION
            WHEN SQLSTATE 'BM005' THEN NULL;
            WHEN lock_not_available THEN
                -- Someone holds a row or the table, which says nothing about what is tried.
                SELECT string_agg(DISTINCT CASE
                    WHEN l.pid IS NULL THEN 'a prepared transaction of those in pg_prepared_xacts'
                    ELSE format(
                        'pid %s (%s, %s, %s) since %s', a.pid, a.usename, coalesce(nullif(a.application_name, ''), '?'),
                        a.state, a.xact_start
                    )
                END, '; ') INTO holders
                FROM pg_locks AS l
                LEFT JOIN pg_stat_activity AS a ON l.pid = a.pid
                WHERE l.granted AND l.relation IN (channels, broadcasts) AND l.pid IS DISTINCT FROM pg_backend_pid()
                    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database());
                IF attempt = 60 THEN
                    RAISE EXCEPTION 'no lock on the rows that are tried after 60 attempts; nothing was changed'
                    USING ERRCODE = 'BM003', DETAIL = 'held by ' || coalesce(holders, 'sessions that come and go'),
                        HINT = 'End those transactions, or wait for them, and run the migration again.';
                END IF;
                RAISE NOTICE 'waiting for rows that are tried, held by %', coalesce(holders, 'nobody any more');
                PERFORM pg_sleep(0.5 + random());
                CONTINUE;
            WHEN OTHERS THEN
                -- A client may have made the very row meanwhile, or deleted its owner; what is in the way comes back.
                CONTINUE WHEN attempt < 5 AND (sqlstate IN ('23503', '23505') OR sqlstate LIKE '40%');
                -- Without users there is nobody to try it with.
                EXIT WHEN sqlstate = '23503' AND NOT EXISTS (SELECT FROM public.registered_users);
                GET STACKED DIAGNOSTICS
                    failed_constraint = CONSTRAINT_NAME, failed_column = COLUMN_NAME, failed_in = PG_EXCEPTION_CONTEXT;
                problems := problems || format(
                    '%s: %s (SQLSTATE %s%s%s%s). %s',
                    step, sqlerrm, sqlstate,
                    coalesce(', constraint ' || nullif(failed_constraint, ''), ''),
                    coalesce(', column ' || nullif(failed_column, ''), ''),
                    coalesce(', in the function ' || nullif(substring(failed_in FROM 'function ([^ ]+\)) line'), 'broadcast.tried()'), ''),
                    CASE
                        WHEN sqlstate = '23502' THEN 'Give the column a default or allow NULL.'
                        WHEN failed_constraint <> '' THEN 'Drop the constraint, or change the channels that do not pass it.'
                        ELSE 'If a trigger of your own fails: qualify the names in it, or give its function a SET search_path.'
                    END
                );
        END;
        EXIT;
    END LOOP;

    IF problems <> '{}' THEN
        RAISE EXCEPTION 'the rule cannot be installed here yet; nothing was changed'
        USING ERRCODE = 'BM004',
            DETAIL = array_to_string(problems, E'\n'),
            HINT = 'The rule creates, changes and deletes broadcast rows together with their channels: make room for that, '
                'then run alembic upgrade head again.';
    END IF;
END;
$$;

-- What will be different for the owner's own code.
DO $$
DECLARE
    notice text;
BEGIN
    FOR notice IN
        SELECT format(
            'the key %s on %s is deferrable, and the keys of the rule are not: after this two channels cannot swap their pairs '
            'in one UPDATE any more', k.conname, k.conrelid::regclass
        )
        FROM pg_constraint AS k
        WHERE k.conrelid = to_regclass('public.main_clients_database') AND k.contype = 'u' AND k.condeferrable
        UNION ALL
        SELECT format(
            'the key %s of %s points at broadcast rows: after this a channel cannot be deleted while its row is pointed at, and '
            'where a trigger fills %2$s, an older client that inserts the row itself is refused', k.conname, k.conrelid::regclass
        )
        FROM pg_constraint AS k
        WHERE k.confrelid = to_regclass('public.broadcast_manager') AND k.contype = 'f' AND k.confdeltype IN ('a', 'r')
            AND k.conname <> 'main_clients_database_pair_fkey'
    LOOP
        RAISE NOTICE '%', notice;
    END LOOP;
END;
$$;
