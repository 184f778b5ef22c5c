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
