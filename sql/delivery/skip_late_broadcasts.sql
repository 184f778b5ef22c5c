CREATE OR REPLACE FUNCTION broadcast.skip_late_broadcasts()
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    late public.broadcast_manager;
    skipped integer := 0;
BEGIN
    FOR late IN
        SELECT b.* FROM public.broadcast_manager AS b
        WHERE b.is_active
            AND b.broadcast_status IN ('pending', 'completed', 'failed')
            AND b.next_send_time < now() - (SELECT s.max_lateness FROM broadcast.settings AS s WHERE s.sending)
            AND broadcast.is_late(b)
            AND NOT EXISTS (
                SELECT FROM broadcast.deliveries AS d
                WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.worker IS NOT NULL
            )
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM broadcast.skip_turn(
                late, 'too_late', 'It could not be sent in time, so it was left out: it goes out at its next turn.'
            );
            skipped := skipped + 1;
        EXCEPTION
            -- These pass by themselves.
            WHEN transaction_rollback OR lock_not_available OR insufficient_resources OR operator_intervention THEN
                RAISE;
            -- One broadcast whose row cannot be written must not stop the others.
            WHEN OTHERS THEN
                RAISE WARNING 'the late broadcast % cannot be skipped: %', late.id, SQLERRM;
        END;
    END LOOP;
    RETURN skipped;
END;
$$;

COMMENT ON FUNCTION broadcast.skip_late_broadcasts() IS
'Leaves out what was due longer ago than max_lateness; claim_due_broadcasts() calls it.';
REVOKE ALL ON FUNCTION broadcast.skip_late_broadcasts() FROM public;
