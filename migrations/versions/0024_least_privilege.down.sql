REVOKE ALL ON TABLE public.main_clients_database FROM broadcast_manager_channel_writer;

DO $$
DECLARE
    serial regclass;
BEGIN
    FOR serial IN
        SELECT d.objid
        FROM pg_catalog.pg_depend AS d
        INNER JOIN pg_catalog.pg_class AS s ON d.objid = s.oid AND s.relkind = 'S'
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
            AND d.refclassid = 'pg_catalog.pg_class'::regclass
            AND d.refobjid = 'public.main_clients_database'::regclass
    LOOP
        EXECUTE format('REVOKE USAGE ON SEQUENCE %s FROM broadcast_manager_channel_writer', serial);
    END LOOP;
END;
$$;

GRANT SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broken_broadcasts
TO broadcast_manager_reader;

GRANT SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broadcast_manager_operators,
public.broadcast_deliveries,
public.broadcast_delivery_parts,
public.broken_broadcasts,
public.broadcast_integrity_violations
TO broadcast_manager_api;

GRANT SELECT (user_id, username, email, password_hash, is_active, email_verified, created_at, last_login)
ON TABLE public.registered_users TO broadcast_manager_api;

GRANT EXECUTE ON FUNCTION
public.own_broadcast(uuid, uuid),
public.broadcast_state(public.broadcast_manager),
public.retry_after_seconds(public.broadcast_manager)
TO broadcast_manager_api;

DROP FUNCTION public.first_integrity_violations(uuid, integer);
DROP FUNCTION public.recent_failures(uuid, integer);
DROP FUNCTION public.check_operator(uuid);
DROP VIEW public.broadcast_integrity_counts;
DROP FUNCTION public.broadcasts_by_state();
DROP VIEW public.broadcast_queue;
DROP FUNCTION public.password_hash_of(text);
DROP FUNCTION public.user_of_id(uuid);
DROP FUNCTION public.client_broadcast(uuid, uuid);
DROP FUNCTION public.client_channels(uuid);

ALTER FUNCTION public.own_broadcast(uuid, uuid) SECURITY INVOKER;
ALTER FUNCTION public.own_channel(uuid, text, text) SECURITY INVOKER;
