CREATE OR REPLACE FUNCTION broadcast.finish_broadcast(delivery_id bigint, worker text)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- By the keys, even where the statistics still call the history empty.
SET enable_seqscan = off
-- To PostgreSQL before 18 that makes the one-row tables look expensive enough to compile for.
SET jit = off
AS $$
DECLARE
    s broadcast.settings;
    d broadcast.deliveries;
    b public.broadcast_manager;
    p broadcast.delivery_parts;
    sent integer := 0;
    unknown integer := 0;
    failure broadcast.delivery_parts;
    result text;
BEGIN
    SELECT m.* INTO s FROM broadcast.settings AS m;
    SELECT m.* INTO d FROM broadcast.deliveries AS m
    WHERE m.id = finish_broadcast.delivery_id AND m.worker = finish_broadcast.worker AND m.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'lost';
    END IF;
    -- Whoever ends a claim with a part still intended could not note what became of it.
    UPDATE broadcast.delivery_parts AS m
    SET state = 'unknown',
        decided_at = clock_timestamp(),
        error_code = 'not_heard_of',
        error_message = 'The worker was not heard of again.'
    WHERE m.delivery_id = d.id AND m.state = 'intended';
    SELECT m.* INTO b FROM public.broadcast_manager AS m WHERE m.id = d.broadcast_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        UPDATE broadcast.deliveries AS m
        SET finished_at = now(), outcome = 'channel_gone', worker = NULL, lease_until = NULL
        WHERE m.id = d.id;
        RETURN 'channel_gone';
    END IF;

    FOR p IN
        SELECT m.* FROM broadcast.delivery_parts AS m WHERE m.delivery_id = d.id ORDER BY m.decided_at
    LOOP
        CASE p.state
            WHEN 'sent' THEN
                sent := sent + 1;
                IF p.part = 'open' THEN
                    b.last_open_message_id := p.message_id;
                    b.last_open_message_sent_at := p.decided_at;
                ELSE
                    b.last_closed_message_id := p.message_id;
                    b.last_closed_message_sent_at := p.decided_at;
                END IF;
            WHEN 'unknown' THEN
                unknown := unknown + 1;
            ELSE
                NULL;
        END CASE;
    END LOOP;

    IF sent + unknown = 2 THEN
        result := CASE unknown WHEN 0 THEN 'sent' ELSE 'unknown' END;
        d.outcome := result;
        b.total_broadcasts := coalesce(b.total_broadcasts, 0) + 1;
        b.last_sent_time := now();
        -- What may have been sent is not repeated before its next turn.
        b.next_send_time := now() + s.send_interval;
        IF unknown = 0 THEN
            b.broadcast_status := 'completed';
            b.successful_broadcasts := coalesce(b.successful_broadcasts, 0) + 1;
            b.consecutive_failures := 0;
            b.last_error_message := NULL;
            b.last_error_time := NULL;
        ELSE
            b.broadcast_status := 'failed';
            b.last_error_message := 'It is not known whether the message was sent: no answer came.';
            b.last_error_time := now();
        END IF;
    ELSE
        -- The last attempt of a part that is still to be sent.
        SELECT m.* INTO failure
        FROM broadcast.delivery_parts AS m
        WHERE m.delivery_id = d.id AND m.state = 'failed' AND m.decided_at >= d.claimed_at
            AND NOT EXISTS (
                SELECT FROM broadcast.delivery_parts AS o
                WHERE o.delivery_id = d.id AND o.part = m.part AND o.state <> 'failed'
            )
        ORDER BY m.decided_at DESC
        LIMIT 1;
        -- What is no fault of the channel's is tried again without being counted.
        IF NOT FOUND OR failure.error_code IN ('rate_limited', 'network', 'unauthorized', 'worker_stopped') THEN
            result := 'released';
            b.broadcast_status := 'pending';
            b.next_send_time := now();
        ELSE
            b.broadcast_status := 'failed';
            b.total_broadcasts := coalesce(b.total_broadcasts, 0) + 1;
            b.failed_broadcasts := coalesce(b.failed_broadcasts, 0) + 1;
            b.consecutive_failures := coalesce(b.consecutive_failures, 0) + 1;
            -- Compared as seconds: an interval has an end.
            b.next_send_time := now() + CASE
                WHEN extract(EPOCH FROM s.retry_pause) * 2 ^ least(b.consecutive_failures - 1, 60)
                    < extract(EPOCH FROM s.max_retry_pause)
                    THEN s.retry_pause * 2 ^ (b.consecutive_failures - 1)
                ELSE s.max_retry_pause
            END;
            b.last_error_message := failure.error_message;
            b.last_error_time := now();
            -- Off already: it was switched off while it was being sent, for another reason, and stays so.
            result := CASE
                WHEN b.is_active AND b.consecutive_failures >= s.max_consecutive_failures THEN 'switched_off' ELSE 'failed'
            END;
            d.outcome := CASE WHEN result = 'switched_off' OR b.is_active IS NOT TRUE THEN 'failed' END;
        END IF;
    END IF;

    UPDATE broadcast.deliveries AS m
    SET worker = NULL,
        lease_until = NULL,
        finished_at = CASE WHEN d.outcome IS NOT NULL THEN now() END,
        outcome = d.outcome
    WHERE m.id = d.id;
    UPDATE public.broadcast_manager AS m
    SET broadcast_status = b.broadcast_status,
        next_send_time = b.next_send_time,
        last_sent_time = b.last_sent_time,
        total_broadcasts = b.total_broadcasts,
        successful_broadcasts = b.successful_broadcasts,
        failed_broadcasts = b.failed_broadcasts,
        consecutive_failures = b.consecutive_failures,
        last_error_message = b.last_error_message,
        last_error_time = b.last_error_time,
        last_open_message_id = b.last_open_message_id,
        last_open_message_sent_at = b.last_open_message_sent_at,
        last_closed_message_id = b.last_closed_message_id,
        last_closed_message_sent_at = b.last_closed_message_sent_at,
        updated_at = now()
    WHERE m.id = b.id;
    IF result = 'switched_off' THEN
        PERFORM broadcast.switch_off(b.id, 'failures');
    END IF;
    RETURN result;
END;
$$;

COMMENT ON FUNCTION broadcast.finish_broadcast(bigint, text) IS
'Ends a worker''s claim by what became of the parts: sent, unknown, failed, switched_off, released, channel_gone or lost.';
REVOKE ALL ON FUNCTION broadcast.finish_broadcast(bigint, text) FROM public;
