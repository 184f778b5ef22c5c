CREATE OR REPLACE FUNCTION broadcast.release_expired_claims()
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    delivery broadcast.deliveries;
    released integer := 0;
BEGIN
    FOR delivery IN
        SELECT d.* FROM broadcast.deliveries AS d
        WHERE d.finished_at IS NULL AND d.lease_until < clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM broadcast.finish_broadcast(delivery.id, delivery.worker);
            released := released + 1;
        EXCEPTION
            -- These pass by themselves.
            WHEN transaction_rollback OR lock_not_available OR insufficient_resources OR operator_intervention THEN
                RAISE;
            -- One broadcast whose row cannot be written (its counter is full, say) must not stop the others.
            WHEN OTHERS THEN
                RAISE WARNING 'the claim on broadcast % cannot be ended: %', delivery.broadcast_id, SQLERRM;
                PERFORM broadcast.set_aside(delivery.id, delivery.worker, SQLSTATE || ' ' || SQLERRM);
        END;
    END LOOP;
    RETURN released;
END;
$$;

COMMENT ON FUNCTION broadcast.release_expired_claims() IS
'Gives back what silent workers had claimed; a part that one of them was about to send is unknown from then on.';
REVOKE ALL ON FUNCTION broadcast.release_expired_claims() FROM public;
