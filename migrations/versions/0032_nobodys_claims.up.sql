CREATE OR REPLACE FUNCTION public.claim_due_broadcasts(worker text, max_count integer)
RETURNS TABLE (delivery_id bigint, broadcast_id uuid, client_id uuid)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH due AS (
        SELECT b.id
        FROM public.broadcast_manager AS b
        WHERE b.is_active
            AND b.next_send_time <= now()
            AND (
                b.broadcast_status IN ('pending', 'completed', 'failed')
                -- Sent by nobody: a scheduler from before the workers has ended in mid-send, or it was restored without its delivery.
                OR (
                    b.broadcast_status = 'in_progress'
                    AND coalesce(b.updated_at, '-infinity') < now() - (SELECT s.claim_lease FROM public.broadcast_manager_settings AS s)
                    AND NOT EXISTS (
                        SELECT FROM public.broadcast_deliveries AS d
                        WHERE d.broadcast_id = b.id AND d.finished_at IS NULL
                    )
                )
            )
            -- While Telegram holds the bot back nobody takes what cannot be sent.
            AND (SELECT s.next_slot FROM public.broadcast_bot_slot AS s) <= now() + interval '5 seconds'
        ORDER BY b.next_send_time
        LIMIT max_count
        FOR NO KEY UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE public.broadcast_manager AS b
        SET broadcast_status = 'in_progress',
            updated_at = now()
        FROM due AS d
        WHERE b.id = d.id
        RETURNING b.id, b.client_id
    ), taken AS (
        INSERT INTO public.broadcast_deliveries AS d (broadcast_id, worker, claimed_at, lease_until)
        SELECT c.id, claim_due_broadcasts.worker, clock_timestamp(), clock_timestamp() + s.claim_lease
        FROM claimed AS c
        CROSS JOIN public.broadcast_manager_settings AS s
        -- A delivery that failed in part goes on where it stopped.
        ON CONFLICT (broadcast_id) WHERE finished_at IS NULL
        DO UPDATE SET worker = excluded.worker, claimed_at = excluded.claimed_at, lease_until = excluded.lease_until
        RETURNING d.id, d.broadcast_id
    )
    SELECT t.id, t.broadcast_id, c.client_id
    FROM taken AS t
    INNER JOIN claimed AS c ON t.broadcast_id = c.id;
$$;

COMMENT ON FUNCTION public.claim_due_broadcasts(text, integer) IS
'Gives a worker so many due broadcasts, at most, that no other worker has; it must be heard of again within the lease.';
REVOKE ALL ON FUNCTION public.claim_due_broadcasts(text, integer) FROM public;


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
        BEGIN
            PERFORM public.finish_broadcast(d.id, d.worker);
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

COMMENT ON FUNCTION public.release_expired_claims() IS
'Gives back what silent workers had claimed; a part that one of them was about to send is unknown from then on.';
REVOKE ALL ON FUNCTION public.release_expired_claims() FROM public;


CREATE OR REPLACE FUNCTION public.forget_old_deliveries()
RETURNS bigint
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH forgotten AS (
        DELETE FROM public.broadcast_deliveries AS d
        USING public.broadcast_manager_settings AS s
        WHERE d.finished_at < now() - s.history_kept
            -- A message that still stands has to be deleted before the next one is sent, if there is to be a next one.
            AND NOT EXISTS (
                SELECT FROM public.broadcast_delivery_parts AS p
                INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
                WHERE p.delivery_id = d.id AND p.state = 'sent' AND p.deleted_at IS NULL
            )
        RETURNING d.id
    )
    SELECT count(*) FROM forgotten;
$$;

COMMENT ON FUNCTION public.forget_old_deliveries() IS
'Deletes finished deliveries older than the settings keep them, but for those whose messages still stand and are to be replaced.';
REVOKE ALL ON FUNCTION public.forget_old_deliveries() FROM public;
