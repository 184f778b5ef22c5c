-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even.
DO $$
BEGIN
    IF to_regrole('broadcast_manager_api') IS NULL THEN
        CREATE ROLE broadcast_manager_api NOLOGIN;
        COMMENT ON ROLE broadcast_manager_api IS
        'What the channel API and the dashboard need: reads, and writes by way of functions only.';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END;
$$;

GRANT SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broadcast_manager_settings,
public.broadcast_manager_operators,
public.broken_broadcasts,
public.broadcast_integrity_violations,
public.broadcast_rule_parts
TO broadcast_manager_api;

GRANT SELECT (user_id, username, email, password_hash, is_active, email_verified, created_at, last_login)
ON TABLE public.registered_users TO broadcast_manager_api;

GRANT EXECUTE ON FUNCTION
public.own_channel(uuid, text, text),
public.register_channel(uuid, text, jsonb),
public.update_channel(uuid, text, text, jsonb),
public.delete_channel(uuid, text, text),
public.own_broadcast(uuid, uuid),
public.broadcast_state(public.broadcast_manager),
public.retry_after_seconds(public.broadcast_manager),
public.request_broadcast(uuid, uuid),
public.reactivate_broadcast(uuid, uuid),
public.record_login(uuid),
public.watch_client(uuid)
TO broadcast_manager_api;
