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
public.broadcast_manager_settings,
public.broadcast_rule_parts,
public.broadcast_queue,
public.broadcast_integrity_counts,
public.broadcast_metrics
TO broadcast_manager_api;

GRANT EXECUTE ON FUNCTION
public.password_hash_of(text),
public.user_of_id(uuid),
public.record_login(uuid),
public.client_channels(uuid),
public.own_channel(uuid, text, text),
public.register_channel(uuid, text, jsonb),
public.update_channel(uuid, text, text, jsonb),
public.delete_channel(uuid, text, text),
public.client_broadcast(uuid, uuid),
public.request_broadcast(uuid, uuid),
public.reactivate_broadcast(uuid, uuid),
public.watch_client(uuid),
public.broadcasts_by_state(),
public.recent_failures(uuid, integer),
public.first_integrity_violations(uuid, integer),
public.check_integrity(interval)
TO broadcast_manager_api;
