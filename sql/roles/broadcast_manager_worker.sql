-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even.
DO $$
BEGIN
    IF to_regrole('broadcast_manager_worker') IS NULL THEN
        CREATE ROLE broadcast_manager_worker NOLOGIN;
        COMMENT ON ROLE broadcast_manager_worker IS
        'What a worker needs that sends broadcasts: functions, and to see what is waiting.';
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
END;
$$;

GRANT SELECT ON TABLE
public.broadcast_manager_settings,
public.broadcast_deliveries,
public.broadcast_delivery_parts,
public.broadcast_rule_parts,
public.broadcast_metrics
TO broadcast_manager_worker;

GRANT EXECUTE ON FUNCTION
public.claim_due_broadcasts(text, integer),
public.messages_to_delete(bigint),
public.record_message_deleted(text, bigint),
public.intend_part(bigint, text, text),
public.record_part(bigint, text, integer, text, bigint, text, text, interval),
public.finish_broadcast(bigint, text),
public.release_expired_claims(),
public.forget_old_deliveries(),
public.check_integrity(interval)
TO broadcast_manager_worker;
