-- Default privileges may have opened what was made; a restore without grants gives every function to PUBLIC.
-- Nobody keeps a right here but the owner, and then the roles get theirs.
DO $$
DECLARE
    grantee text;
    objects text;
BEGIN
    FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        FROM (
            SELECT n.nspowner, n.nspacl
            FROM pg_catalog.pg_namespace AS n
            WHERE n.nspname = 'broadcast'
            UNION ALL
            SELECT c.relowner, c.relacl
            FROM pg_catalog.pg_class AS c
            WHERE c.relnamespace = 'broadcast'::regnamespace
            UNION ALL
            SELECT p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace = 'broadcast'::regnamespace
        ) AS o (owner_oid, acl)
        CROSS JOIN LATERAL aclexplode(o.acl) AS a
        WHERE a.grantee <> o.owner_oid
    LOOP
        FOREACH objects IN ARRAY ARRAY[
            'SCHEMA broadcast', 'ALL TABLES IN SCHEMA broadcast', 'ALL SEQUENCES IN SCHEMA broadcast',
            'ALL ROUTINES IN SCHEMA broadcast'
        ] LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', objects, grantee);
        END LOOP;
    END LOOP;
END;
$$;

-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even. Who may not
-- create roles leaves it out; this file, run later by somebody who may, makes up for it.
DO $$
BEGIN
    IF to_regrole('broadcast_reader') IS NULL THEN
        BEGIN
            CREATE ROLE broadcast_reader NOLOGIN;
            COMMENT ON ROLE broadcast_reader IS
            'May read what broadcast-manager verify and doctor read.';
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;

    GRANT USAGE ON SCHEMA broadcast TO broadcast_reader;

    GRANT SELECT ON TABLE broadcast.integrity_violations TO broadcast_reader;

    GRANT EXECUTE ON FUNCTION
        broadcast.find_integrity_violations(),
        broadcast.metrics(),
        broadcast.health(),
        broadcast.check_integrity(interval)
    TO broadcast_reader;
END;
$$;

-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even. Who may not
-- create roles leaves it out; this file, run later by somebody who may, makes up for it.
DO $$
BEGIN
    IF to_regrole('broadcast_api') IS NULL THEN
        BEGIN
            CREATE ROLE broadcast_api NOLOGIN;
            COMMENT ON ROLE broadcast_api IS
            'What the channel API and the dashboard need: reads, and writes by way of functions only.';
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;

    GRANT USAGE ON SCHEMA broadcast TO broadcast_api;

    GRANT SELECT ON TABLE broadcast.rule_parts TO broadcast_api;

    GRANT EXECUTE ON FUNCTION
        broadcast.password_hash_of(text),
        broadcast.user_of_id(uuid),
        broadcast.record_login(uuid),
        broadcast.client_channels(uuid, text, text [], text []),
        broadcast.channel_page(uuid, text, text, text, text [], text [], text, text, integer),
        broadcast.currency_network_mappings(),
        broadcast.own_channel(uuid, text, text),
        broadcast.register_channel(uuid, text, jsonb),
        broadcast.update_channel(uuid, text, text, jsonb),
        broadcast.delete_channel(uuid, text, text),
        broadcast.client_broadcast(uuid, uuid),
        broadcast.request_broadcast(uuid, uuid),
        broadcast.reactivate_broadcast(uuid, uuid, boolean),
        broadcast.pause_broadcast(uuid, uuid),
        broadcast.skip_broadcast(uuid, uuid),
        broadcast.set_schedule(uuid, uuid, jsonb),
        broadcast.time_zones(),
        broadcast.client_deliveries(uuid, uuid, text, bigint, integer),
        broadcast.last_deliveries(uuid, uuid []),
        broadcast.client_notices(uuid),
        broadcast.dismiss_notice(bigint, uuid),
        broadcast.watch_client(uuid),
        broadcast.broadcasts_by_state(),
        broadcast.recent_failures(uuid, integer),
        broadcast.first_integrity_violations(uuid, integer),
        broadcast.check_integrity(interval),
        broadcast.integrity_counts(),
        broadcast.sending(),
        broadcast.health(),
        broadcast.operator_tries_rule(uuid),
        broadcast.metrics()
    TO broadcast_api;
END;
$$;

-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even. Who may not
-- create roles leaves it out; this file, run later by somebody who may, makes up for it.
DO $$
DECLARE
    serial regclass;
BEGIN
    IF to_regrole('broadcast_channel_writer') IS NULL THEN
        BEGIN
            CREATE ROLE broadcast_channel_writer NOLOGIN;
            COMMENT ON ROLE broadcast_channel_writer IS
            'What a client needs that writes channels: everything on them, nothing on their broadcasts, which the rule makes.';
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;

    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE public.main_clients_database TO broadcast_channel_writer;

    -- Old copies have no serial id.
    FOR serial IN
        SELECT d.objid
        FROM pg_catalog.pg_depend AS d
        INNER JOIN pg_catalog.pg_class AS s ON d.objid = s.oid AND s.relkind = 'S'
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
            AND d.refobjid = 'public.main_clients_database'::regclass
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE %s TO broadcast_channel_writer', serial);
    END LOOP;
END;
$$;

-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even. Who may not
-- create roles leaves it out; this file, run later by somebody who may, makes up for it.
DO $$
BEGIN
    IF to_regrole('broadcast_worker') IS NULL THEN
        BEGIN
            CREATE ROLE broadcast_worker NOLOGIN;
            COMMENT ON ROLE broadcast_worker IS
            'What a worker needs that sends broadcasts: functions only.';
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;

    GRANT USAGE ON SCHEMA broadcast TO broadcast_worker;

    GRANT EXECUTE ON FUNCTION
        broadcast.note_foreign_marks(),
        broadcast.claim_due_broadcasts(text, integer),
        broadcast.set_aside_unclaimable(),
        broadcast.next_step(bigint, text, text, integer, text, bigint, text, text, interval, jsonb),
        broadcast.record_part(bigint, text, integer, text, bigint, text, text, interval),
        broadcast.is_still_claimed(bigint, text, double precision),
        broadcast.finish_broadcast(bigint, text),
        broadcast.set_aside(bigint, text, text),
        broadcast.release_expired_claims(),
        broadcast.forget_old_deliveries(),
        broadcast.check_integrity(interval),
        broadcast.sending(),
        broadcast.worker_looks(text, text, text, integer, interval),
        broadcast.worker_stops(text),
        broadcast.metrics()
    TO broadcast_worker;
END;
$$;

-- A role is a convenience: without it, the owner grants by hand what the role would have.
DO $$
DECLARE
    left_out text;
BEGIN
    SELECT string_agg(w.role_name, ', ' ORDER BY w.role_name) INTO left_out
    FROM (
        VALUES ('broadcast_reader'), ('broadcast_api'), ('broadcast_channel_writer'), ('broadcast_worker')
    ) AS w (role_name)
    WHERE to_regrole(w.role_name) IS NULL;
    IF left_out IS NOT NULL THEN
        RAISE NOTICE 'left out, because % may not create roles: %; the rule works without them, and '
            'broadcast-manager roles --sql prints the statements for whoever may', current_user, left_out;
    END IF;
END;
$$;
