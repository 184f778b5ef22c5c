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
    trial_columns text;
    trial_values text;
    inserted integer;
    error_table text;
    error_column text;
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
        SELECT format(
            '%s belongs to %s, you are %s: run the migration as the tables'' owner, or ALTER TABLE %s OWNER TO %s.',
            c.oid::regclass, pg_get_userbyid(c.relowner), current_user, c.oid::regclass, current_user
        )
        FROM pg_class AS c
        WHERE c.oid IN (users, channels, broadcasts) AND NOT pg_has_role(current_user, c.relowner, 'USAGE')
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
            'Constraint %s on broadcast_manager is deferrable, and ON CONFLICT can not use such a key: '
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
        SELECT 'The role broadcast_reader is not there and you may not create roles: have it created.'
        FROM pg_roles AS r
        WHERE r.rolname = current_user AND NOT r.rolcreaterole AND NOT r.rolsuper
            AND to_regrole('broadcast_reader') IS NULL
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

    -- Create a broadcast row for a made-up pair as the trigger will, and take it back: extra NOT NULL columns and
    -- triggers of others that fail under the pinned search_path show themselves here instead of in front of a client.
    -- Only while our own key is not there yet: it would refuse the made-up pair.
    IF problems = '{}' AND broadcasts IS NOT NULL
        AND NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conname = 'broadcast_manager_client_id_pair_fkey')
    THEN
        SELECT string_agg(a.attname, ', '), string_agg(w.value, ', ') INTO trial_columns, trial_values
        FROM (
            VALUES
            ('id', 'gen_random_uuid()'), ('open_channel_id', '''-1009999999999'''), ('closed_channel_id', '''-1009999999999'''),
            ('client_id', 'coalesce((SELECT u.user_id FROM public.registered_users AS u LIMIT 1 FOR KEY SHARE SKIP LOCKED), gen_random_uuid())'),
            ('broadcast_status', '''pending'''), ('is_active', 'true'), ('next_send_time', 'now()'),
            ('total_broadcasts', '0'), ('successful_broadcasts', '0'), ('failed_broadcasts', '0'),
            ('consecutive_failures', '0'), ('manual_trigger_count', '0'), ('created_at', 'now()'), ('updated_at', 'now()')
        ) AS w (column_name, value)
        INNER JOIN pg_attribute AS a ON w.column_name = a.attname AND NOT a.attisdropped
        WHERE a.attrelid = broadcasts;
        FOR attempt IN 1..60 LOOP
            BEGIN
                PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
                PERFORM set_config('lock_timeout', '100ms', true);
                EXECUTE format('INSERT INTO public.broadcast_manager (%s) VALUES (%s)', trial_columns, trial_values);
                GET DIAGNOSTICS inserted = ROW_COUNT;
                -- Always taken back: this error of our own carries the result out of the subtransaction.
                RAISE EXCEPTION USING ERRCODE = 'BM005';
            EXCEPTION
                WHEN SQLSTATE 'BM005' THEN
                    IF inserted <> 1 THEN
                        problems := problems || 'A trigger on broadcast_manager swallows new rows.'::text;
                    END IF;
                WHEN foreign_key_violation THEN NULL; -- no user there yet, and the old key asks for one
                WHEN lock_not_available THEN
                    -- Someone holds the table, which says nothing about the trial.
                    IF attempt = 60 THEN
                        RAISE EXCEPTION 'no ROW EXCLUSIVE lock on broadcast_manager after 60 attempts; nothing was changed'
                        USING ERRCODE = 'BM003', HINT = 'See pg_locks for who holds it, and run the migration again.';
                    END IF;
                    PERFORM pg_sleep(0.5 + random());
                    CONTINUE;
                WHEN OTHERS THEN
                    GET STACKED DIAGNOSTICS error_table = TABLE_NAME, error_column = COLUMN_NAME;
                    problems := problems || format(
                        'A broadcast row, tried and taken back, can not be created as the trigger will: %s (SQLSTATE %s%s). %s',
                        sqlerrm, sqlstate, coalesce(', column ' || nullif(error_column, ''), ''),
                        CASE sqlstate
                            WHEN '23502' THEN 'Give the column a default or allow NULL.'
                            ELSE 'If a trigger of your own fails: qualify the names in it, or give its function a SET search_path.'
                        END
                    );
            END;
            EXIT;
        END LOOP;
    END IF;

    IF problems <> '{}' THEN
        RAISE EXCEPTION 'the rule can not be installed here yet; nothing was changed'
        USING ERRCODE = 'BM004',
            DETAIL = array_to_string(problems, E'\n'),
            HINT = 'Channels are customers'' data, so no migration decides about them: put right what is listed, '
                'then run alembic upgrade head again.';
    END IF;
END;
$$;
