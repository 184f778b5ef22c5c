CREATE OR REPLACE FUNCTION broadcast.set_aside(delivery_id bigint, worker text, reason text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    delivery broadcast.deliveries;
    again timestamptz := now() + (SELECT s.retry_pause FROM broadcast.settings AS s);
    problem text;
    code text := 'database_error';
    message text := 'The database does not let this broadcast be sent; an operator must look: ' || set_aside.reason;
BEGIN
    SELECT d.* INTO delivery FROM broadcast.deliveries AS d
    WHERE d.id = set_aside.delivery_id AND d.worker = set_aside.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'lost';
    END IF;
    IF NOT EXISTS (SELECT FROM public.broadcast_manager AS b WHERE b.id = delivery.broadcast_id) THEN
        RETURN broadcast.finish_broadcast(set_aside.delivery_id, set_aside.worker);
    END IF;
    BEGIN
        problem := (
            SELECT broadcast.channel_problem(c)
            FROM public.broadcast_manager AS b
            INNER JOIN public.main_clients_database AS c
                ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
            WHERE b.id = delivery.broadcast_id
        );
    EXCEPTION
        -- What cannot be read is the database's reason.
        WHEN OTHERS THEN NULL;
    END;
    IF problem IS NOT NULL THEN
        -- The owner can mend it and need not wait then, with a manual trigger.
        code := 'not_advertisable';
        message := format('This channel cannot be advertised: %s.', problem);
        again := broadcast.next_turn(delivery.broadcast_id, now(), now());
    END IF;
    UPDATE broadcast.deliveries AS d
    SET worker = NULL,
        lease_until = NULL,
        error_code = code,
        error_message = left(coalesce(problem, set_aside.reason), 500)
    WHERE d.id = delivery.id;
    BEGIN
        UPDATE broadcast.delivery_parts AS p
        SET state = 'unknown',
            decided_at = clock_timestamp(),
            error_code = 'not_heard_of',
            error_message = 'The worker was not heard of again.'
        WHERE p.delivery_id = delivery.id AND p.state = 'intended';
    EXCEPTION
        -- This table may be the one that cannot be written; finish_broadcast() does it then.
        WHEN OTHERS THEN NULL;
    END;
    -- It is nobody's fault who has the channel: it counts as no failure, and never switches the broadcast off.
    BEGIN
        UPDATE public.broadcast_manager AS b
        SET broadcast_status = 'failed',
            next_send_time = again,
            last_error_message = left(message, 500),
            last_error_time = now(),
            updated_at = now()
        WHERE b.id = delivery.broadcast_id;
    EXCEPTION
        -- The reason may be one of these columns. Without the three of the claim nothing would be claimed.
        WHEN OTHERS THEN
            UPDATE public.broadcast_manager AS b
            SET broadcast_status = 'failed',
                next_send_time = again,
                updated_at = now()
            WHERE b.id = delivery.broadcast_id;
    END;
    RETURN code;
END;
$$;

COMMENT ON FUNCTION broadcast.set_aside(bigint, text, text) IS
'Ends a claim that cannot be fulfilled: database_error, tried again after the pause for failures, or '
'not_advertisable, tried again at its next turn; counted as no failure.';
REVOKE ALL ON FUNCTION broadcast.set_aside(bigint, text, text) FROM public;
