-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even.
DO $$
BEGIN
    IF to_regrole('broadcast_api') IS NULL THEN
        CREATE ROLE broadcast_api NOLOGIN;
        COMMENT ON ROLE broadcast_api IS
        'What the channel API and the dashboard need: reads, and writes by way of functions only.';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END;
$$;

GRANT USAGE ON SCHEMA broadcast TO broadcast_api;

GRANT SELECT ON TABLE
broadcast.settings,
broadcast.rule_parts
TO broadcast_api;

GRANT EXECUTE ON FUNCTION
broadcast.password_hash_of(text),
broadcast.user_of_id(uuid),
broadcast.record_login(uuid),
broadcast.client_channels(uuid),
broadcast.own_channel(uuid, text, text),
broadcast.register_channel(uuid, text, jsonb),
broadcast.update_channel(uuid, text, text, jsonb),
broadcast.delete_channel(uuid, text, text),
broadcast.client_broadcast(uuid, uuid),
broadcast.request_broadcast(uuid, uuid),
broadcast.reactivate_broadcast(uuid, uuid),
broadcast.watch_client(uuid),
broadcast.broadcasts_by_state(),
broadcast.recent_failures(uuid, integer),
broadcast.first_integrity_violations(uuid, integer),
broadcast.check_integrity(interval),
broadcast.queue(),
broadcast.integrity_counts(),
broadcast.metrics()
TO broadcast_api;
