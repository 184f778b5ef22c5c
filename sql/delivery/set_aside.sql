CREATE OR REPLACE FUNCTION broadcast.set_aside(delivery_id bigint, worker text, reason text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    delivery broadcast.deliveries;
    again timestamptz := now() + (SELECT s.retry_pause FROM broadcast.settings AS s);
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
    UPDATE broadcast.deliveries AS d
    SET worker = NULL,
        lease_until = NULL,
        error_code = 'database_error',
        error_message = left(set_aside.reason, 500)
    WHERE d.id = delivery.id;
    BEGIN
        UPDATE broadcast.delivery_parts AS p
        SET state = 'unknown',
            decided_at = clock_timestamp(),
            error_code = 'not_heard_of',
            error_message = 'The worker was not heard of again.'
        WHERE p.delivery_id = delivery.id AND p.state = 'intended';
    EXCEPTION
        -- This table may be the one that can not be written; finish_broadcast() does it then.
        WHEN OTHERS THEN NULL;
    END;
    -- It is nobody's fault who has the channel: it counts as no failure, and never switches the broadcast off.
    BEGIN
        UPDATE public.broadcast_manager AS b
        SET broadcast_status = 'failed',
            next_send_time = again,
            last_error_message = left(
                'The database does not let this broadcast be sent; an operator must look: ' || set_aside.reason, 500
            ),
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
    RETURN 'database_error';
END;
$$;

COMMENT ON FUNCTION broadcast.set_aside(bigint, text, text) IS
'Ends a claim that the database does not let be fulfilled; tried again after the pause for failures, and not counted.';
REVOKE ALL ON FUNCTION broadcast.set_aside(bigint, text, text) FROM public;
