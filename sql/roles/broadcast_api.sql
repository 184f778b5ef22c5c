-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even. Who may not
-- create roles leaves it out; this file, run later by somebody who may, makes up for it.
DO $$
BEGIN
    IF to_regrole('broadcast_api') IS NULL THEN
        BEGIN
            CREATE ROLE broadcast_api NOLOGIN;
            COMMENT ON ROLE broadcast_api IS
            'What the channel API and the dashboard need: reads, and writes by way of functions only.';
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;

    GRANT USAGE ON SCHEMA broadcast TO broadcast_api;

    GRANT SELECT ON TABLE broadcast.rule_parts TO broadcast_api;

    GRANT EXECUTE ON FUNCTION
        broadcast.password_hash_of(text),
        broadcast.user_of_id(uuid),
        broadcast.record_login(uuid),
        broadcast.client_channels(uuid, text, text [], text []),
        broadcast.channel_page(uuid, text, text, text, text [], text [], text, text, integer),
        broadcast.currency_network_mappings(),
        broadcast.own_channel(uuid, text, text),
        broadcast.register_channel(uuid, text, jsonb),
        broadcast.update_channel(uuid, text, text, jsonb),
        broadcast.delete_channel(uuid, text, text),
        broadcast.client_broadcast(uuid, uuid),
        broadcast.request_broadcast(uuid, uuid),
        broadcast.reactivate_broadcast(uuid, uuid, boolean),
        broadcast.pause_broadcast(uuid, uuid),
        broadcast.skip_broadcast(uuid, uuid),
        broadcast.set_schedule(uuid, uuid, jsonb),
        broadcast.time_zones(),
        broadcast.client_deliveries(uuid, uuid, text, bigint, integer),
        broadcast.last_deliveries(uuid, uuid []),
        broadcast.client_notices(uuid),
        broadcast.dismiss_notice(bigint, uuid),
        broadcast.watch_client(uuid),
        broadcast.broadcasts_by_state(),
        broadcast.recent_failures(uuid, integer),
        broadcast.first_integrity_violations(uuid, integer),
        broadcast.check_integrity(interval),
        broadcast.integrity_counts(),
        broadcast.sending(),
        broadcast.health(),
        broadcast.operator_tries_rule(uuid),
        broadcast.metrics()
    TO broadcast_api;
END;
$$;
