REVOKE SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broken_broadcasts,
public.broadcast_integrity_violations
FROM broadcast_manager_reader;
DROP VIEW public.broadcast_integrity_violations;

-- The role stays: other databases of the cluster may use it, and those who are members of it.
