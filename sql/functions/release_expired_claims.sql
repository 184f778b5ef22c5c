CREATE OR REPLACE FUNCTION public.release_expired_claims()
RETURNS integer
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    d public.broadcast_deliveries;
    released integer := 0;
BEGIN
    FOR d IN
        SELECT m.* FROM public.broadcast_deliveries AS m
        WHERE m.finished_at IS NULL AND m.lease_until < clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        PERFORM public.finish_broadcast(d.id, d.worker);
        released := released + 1;
    END LOOP;
    RETURN released;
END;
$$;

COMMENT ON FUNCTION public.release_expired_claims() IS
'Gives back what silent workers had claimed; a part that one of them was about to send is unknown from then on.';
REVOKE ALL ON FUNCTION public.release_expired_claims() FROM public;
