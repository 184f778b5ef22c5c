CREATE OR REPLACE FUNCTION broadcast.release_expired_claims()
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    d broadcast.deliveries;
    released integer := 0;
BEGIN
    FOR d IN
        SELECT m.* FROM broadcast.deliveries AS m
        WHERE m.finished_at IS NULL AND m.lease_until < clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM broadcast.finish_broadcast(d.id, d.worker);
            released := released + 1;
        EXCEPTION
            -- One broadcast whose row takes no further count, say, is no reason to stop all the others.
            WHEN data_exception OR integrity_constraint_violation THEN
                RAISE WARNING 'the claim on broadcast % can not be ended: %', d.broadcast_id, SQLERRM;
        END;
    END LOOP;
    RETURN released;
END;
$$;

COMMENT ON FUNCTION broadcast.release_expired_claims() IS
'Gives back what silent workers had claimed; a part that one of them was about to send is unknown from then on.';
REVOKE ALL ON FUNCTION broadcast.release_expired_claims() FROM public;
