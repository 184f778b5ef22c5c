REVOKE SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broken_broadcasts,
public.broadcast_integrity_violations
FROM broadcast_manager_reader;
DROP VIEW public.broadcast_integrity_violations;

-- The role goes too, unless another database of the cluster uses it or somebody else made it.
DO $$
BEGIN
    DROP ROLE broadcast_manager_reader;
EXCEPTION
    WHEN dependent_objects_still_exist OR insufficient_privilege OR undefined_object THEN NULL;
END;
$$;
