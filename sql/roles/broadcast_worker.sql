-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even.
DO $$
BEGIN
    IF to_regrole('broadcast_worker') IS NULL THEN
        CREATE ROLE broadcast_worker NOLOGIN;
        COMMENT ON ROLE broadcast_worker IS
        'What a worker needs that sends broadcasts: functions, and to see what is waiting.';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END;
$$;

GRANT USAGE ON SCHEMA broadcast TO broadcast_worker;

GRANT SELECT ON TABLE
broadcast.settings,
broadcast.deliveries,
broadcast.delivery_parts,
broadcast.rule_parts
TO broadcast_worker;

GRANT EXECUTE ON FUNCTION
broadcast.claim_due_broadcasts(text, integer),
broadcast.messages_to_delete(bigint),
broadcast.record_message_deleted(text, bigint),
broadcast.intend_part(bigint, text, text),
broadcast.record_part(bigint, text, integer, text, bigint, text, text, interval),
broadcast.finish_broadcast(bigint, text),
broadcast.release_expired_claims(),
broadcast.forget_old_deliveries(),
broadcast.check_integrity(interval),
broadcast.metrics()
TO broadcast_worker;
