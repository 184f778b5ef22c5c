-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even.
DO $$
BEGIN
    IF to_regrole('broadcast_manager_reader') IS NULL THEN
        CREATE ROLE broadcast_manager_reader NOLOGIN;
        COMMENT ON ROLE broadcast_manager_reader IS 'May read what broadcast-manager verify and doctor read.';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END;
$$;

GRANT SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broken_broadcasts,
public.broadcast_integrity_violations
TO broadcast_manager_reader;
