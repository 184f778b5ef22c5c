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
