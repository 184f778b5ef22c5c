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
public.broadcast_integrity_violations,
public.broadcast_metrics
TO broadcast_manager_reader;

GRANT EXECUTE ON FUNCTION public.check_integrity(interval) TO broadcast_manager_reader;
