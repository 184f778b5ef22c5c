REVOKE SELECT ON TABLE
public.main_clients_database,
public.broadcast_manager,
public.broadcast_manager_quarantine,
public.broadcast_manager_settings,
public.broadcast_manager_operators,
public.broken_broadcasts,
public.broadcast_integrity_violations,
public.broadcast_rule_parts
FROM broadcast_manager_api;

REVOKE SELECT (user_id, username, email, password_hash, is_active, email_verified, created_at, last_login)
ON TABLE public.registered_users FROM broadcast_manager_api;

REVOKE EXECUTE ON FUNCTION
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
FROM broadcast_manager_api;

-- The role stays: other databases of the cluster may use it, and those who are members of it.
