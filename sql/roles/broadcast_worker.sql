-- Roles belong to the whole cluster: another database's upgrade may have made this one, a moment ago even. Who may not
-- create roles leaves it out; this file, run later by somebody who may, makes up for it.
DO $$
BEGIN
    IF to_regrole('broadcast_worker') IS NULL THEN
        BEGIN
            CREATE ROLE broadcast_worker NOLOGIN;
            COMMENT ON ROLE broadcast_worker IS
            'What a worker needs that sends broadcasts: functions only.';
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN RETURN;
        END;
    END IF;

    GRANT USAGE ON SCHEMA broadcast TO broadcast_worker;

    GRANT EXECUTE ON FUNCTION
        broadcast.note_foreign_marks(),
        broadcast.claim_due_broadcasts(text, integer),
        broadcast.set_aside_unclaimable(),
        broadcast.next_step(bigint, text, text, integer, text, bigint, text, text, interval, jsonb),
        broadcast.record_part(bigint, text, integer, text, bigint, text, text, interval),
        broadcast.is_still_claimed(bigint, text, double precision),
        broadcast.finish_broadcast(bigint, text),
        broadcast.set_aside(bigint, text, text),
        broadcast.release_expired_claims(),
        broadcast.forget_old_deliveries(),
        broadcast.check_integrity(interval),
        broadcast.sending(),
        broadcast.worker_looks(text, text, text, integer, interval),
        broadcast.worker_stops(text),
        broadcast.metrics()
    TO broadcast_worker;
END;
$$;
