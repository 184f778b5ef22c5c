CREATE OR REPLACE FUNCTION broadcast.finish_broadcast(delivery_id bigint, worker text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
DECLARE
    settings broadcast.settings;
    delivery broadcast.deliveries;
    stored public.broadcast_manager;
    found_as public.broadcast_manager;
    attempt broadcast.delivery_parts;
    sent integer := 0;
    unknown integer := 0;
    failure broadcast.delivery_parts;
    result text;
    is_outage boolean;
BEGIN
    SELECT s.* INTO settings FROM broadcast.settings AS s;
    SELECT d.* INTO delivery FROM broadcast.deliveries AS d
    WHERE d.id = finish_broadcast.delivery_id AND d.worker = finish_broadcast.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'lost';
    END IF;
    -- A part that is still intended: its worker could not record what became of it.
    UPDATE broadcast.delivery_parts AS p
    SET state = 'unknown',
        decided_at = clock_timestamp(),
        error_code = 'not_heard_of',
        error_message = 'The worker was not heard of again.'
    WHERE p.delivery_id = delivery.id AND p.state = 'intended';
    SELECT b.* INTO stored FROM public.broadcast_manager AS b WHERE b.id = delivery.broadcast_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        UPDATE broadcast.deliveries AS d
        SET finished_at = now(), outcome = 'channel_gone', worker = NULL, lease_until = NULL
        WHERE d.id = delivery.id;
        RETURN 'channel_gone';
    END IF;
    found_as := stored;

    FOR attempt IN
        SELECT p.* FROM broadcast.delivery_parts AS p WHERE p.delivery_id = delivery.id ORDER BY p.decided_at
    LOOP
        CASE attempt.state
            WHEN 'sent' THEN
                sent := sent + 1;
                IF attempt.part = 'open' THEN
                    stored.last_open_message_id := attempt.message_id;
                    stored.last_open_message_sent_at := attempt.decided_at;
                ELSE
                    stored.last_closed_message_id := attempt.message_id;
                    stored.last_closed_message_sent_at := attempt.decided_at;
                END IF;
            WHEN 'unknown' THEN
                unknown := unknown + 1;
            ELSE
                NULL;
        END CASE;
    END LOOP;

    IF sent + unknown = 2 THEN
        result := CASE unknown WHEN 0 THEN 'sent' ELSE 'unknown' END;
        delivery.outcome := result;
        stored.total_broadcasts := coalesce(stored.total_broadcasts, 0) + 1;
        stored.last_sent_time := now();
        -- A message that may have been sent is not repeated before its next turn.
        stored.next_send_time := broadcast.next_turn(stored.id, now(), now());
        IF unknown = 0 THEN
            stored.broadcast_status := 'completed';
            stored.successful_broadcasts := coalesce(stored.successful_broadcasts, 0) + 1;
            stored.consecutive_failures := 0;
            stored.last_error_message := NULL;
            stored.last_error_time := NULL;
            PERFORM broadcast.end_outage();
        ELSE
            stored.broadcast_status := 'failed';
            stored.last_error_message := 'It is not known whether the message was sent: no answer came.';
            stored.last_error_time := now();
        END IF;
    ELSE
        -- The last attempt of a part that is still to be sent.
        SELECT p.* INTO failure
        FROM broadcast.delivery_parts AS p
        WHERE p.delivery_id = delivery.id AND p.state = 'failed' AND p.decided_at >= delivery.claimed_at
            AND NOT EXISTS (
                SELECT FROM broadcast.delivery_parts AS other
                WHERE other.delivery_id = delivery.id AND other.part = p.part AND other.state <> 'failed'
            )
        ORDER BY p.decided_at DESC
        LIMIT 1;
        IF NOT FOUND OR broadcast.ends_delivery(failure.error_code) THEN
            result := 'released';
            stored.broadcast_status := 'pending';
            stored.next_send_time := now();
        ELSE
            stored.broadcast_status := 'failed';
            stored.total_broadcasts := coalesce(stored.total_broadcasts, 0) + 1;
            stored.failed_broadcasts := coalesce(stored.failed_broadcasts, 0) + 1;
            is_outage := broadcast.is_outage(failure.error_code);
            -- Where many fail alike it is nobody's fault.
            stored.consecutive_failures := coalesce(stored.consecutive_failures, 0) + (NOT is_outage)::integer;
            -- Compared in seconds, because an interval can overflow.
            stored.next_send_time := now() + CASE
                WHEN extract(EPOCH FROM settings.retry_pause) * 2 ^ least(greatest(stored.consecutive_failures - 1, 0), 60)
                    < extract(EPOCH FROM settings.max_retry_pause)
                    THEN settings.retry_pause * 2 ^ greatest(stored.consecutive_failures - 1, 0)
                ELSE settings.max_retry_pause
            END;
            stored.last_error_message := failure.error_message;
            stored.last_error_time := now();
            -- If it was switched off while it was being sent, it stays off, and the reason stays.
            result := CASE
                WHEN stored.is_active AND NOT is_outage
                    AND stored.consecutive_failures >= settings.max_consecutive_failures
                    THEN 'switched_off'
                ELSE 'failed'
            END;
            delivery.outcome := CASE WHEN result = 'switched_off' OR stored.is_active IS NOT TRUE THEN 'failed' END;
        END IF;
    END IF;

    -- Another program has set it anew while it was being sent, by a manual trigger of its own perhaps: that stands.
    IF found_as.broadcast_status IS DISTINCT FROM 'in_progress' THEN
        stored.broadcast_status := found_as.broadcast_status;
        stored.next_send_time := found_as.next_send_time;
    END IF;
    UPDATE broadcast.deliveries AS d
    SET worker = NULL,
        lease_until = NULL,
        finished_at = CASE WHEN delivery.outcome IS NOT NULL THEN now() END,
        outcome = delivery.outcome,
        -- What the database refused before stays known of what has ended.
        error_code = CASE WHEN delivery.outcome IS NOT NULL THEN d.error_code END,
        error_message = CASE WHEN delivery.outcome IS NOT NULL THEN d.error_message END
    WHERE d.id = delivery.id;
    UPDATE public.broadcast_manager AS b
    SET broadcast_status = stored.broadcast_status,
        next_send_time = stored.next_send_time,
        last_sent_time = stored.last_sent_time,
        total_broadcasts = stored.total_broadcasts,
        successful_broadcasts = stored.successful_broadcasts,
        failed_broadcasts = stored.failed_broadcasts,
        consecutive_failures = stored.consecutive_failures,
        last_error_message = stored.last_error_message,
        last_error_time = stored.last_error_time,
        last_open_message_id = stored.last_open_message_id,
        last_open_message_sent_at = stored.last_open_message_sent_at,
        last_closed_message_id = stored.last_closed_message_id,
        last_closed_message_sent_at = stored.last_closed_message_sent_at,
        updated_at = now()
    WHERE b.id = stored.id;
    PERFORM broadcast.note_result(stored, result);
    IF result = 'switched_off' THEN
        PERFORM broadcast.switch_off(stored.id, 'failures');
    END IF;
    RETURN result;
END;
$$;

COMMENT ON FUNCTION broadcast.finish_broadcast(bigint, text) IS
'Ends a worker''s claim by its parts'' outcomes: sent, unknown, failed, switched_off, released, channel_gone or lost.';
REVOKE ALL ON FUNCTION broadcast.finish_broadcast(bigint, text) FROM public;
