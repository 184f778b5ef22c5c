ALTER FUNCTION public.intend_part(bigint, text, text) RESET jit;

CREATE OR REPLACE FUNCTION public.record_part(
    delivery_id bigint,
    part text,
    attempt integer,
    outcome text,
    message_id bigint DEFAULT NULL,
    error_code text DEFAULT NULL,
    error_message text DEFAULT NULL,
    retry_after interval DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- By the keys, even where the statistics still call the history empty.
SET enable_seqscan = off
AS $$
BEGIN
    -- Also when the lease has run out meanwhile: what is known now is better than unknown.
    UPDATE public.broadcast_delivery_parts AS p
    SET state = outcome,
        decided_at = clock_timestamp(),
        message_id = record_part.message_id,
        error_code = record_part.error_code,
        error_message = record_part.error_message
    WHERE p.delivery_id = record_part.delivery_id
        AND p.part = record_part.part
        -- A record that comes late does not speak of a later attempt.
        AND p.attempt = record_part.attempt
        AND p.state IN ('intended', 'unknown');
    IF outcome = 'sent' THEN
        UPDATE public.broadcast_manager AS b
        SET last_open_message_id = CASE part WHEN 'open' THEN record_part.message_id ELSE b.last_open_message_id END,
            last_open_message_sent_at = CASE part WHEN 'open' THEN now() ELSE b.last_open_message_sent_at END,
            last_closed_message_id = CASE part WHEN 'closed' THEN record_part.message_id ELSE b.last_closed_message_id END,
            last_closed_message_sent_at = CASE part WHEN 'closed' THEN now() ELSE b.last_closed_message_sent_at END
        FROM public.broadcast_deliveries AS d
        WHERE d.id = record_part.delivery_id AND b.id = d.broadcast_id;
    END IF;
    IF retry_after IS NOT NULL THEN
        UPDATE public.broadcast_bot_slot AS s SET next_slot = greatest(s.next_slot, clock_timestamp() + retry_after);
    END IF;
END;
$$;


CREATE OR REPLACE FUNCTION public.finish_broadcast(delivery_id bigint, worker text)
RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- By the keys, even where the statistics still call the history empty.
SET enable_seqscan = off
AS $$
DECLARE
    s public.broadcast_manager_settings;
    d public.broadcast_deliveries;
    b public.broadcast_manager;
    sent bigint;
    unknown bigint;
    failure public.broadcast_delivery_parts;
    failures integer;
BEGIN
    SELECT m.* INTO s FROM public.broadcast_manager_settings AS m;
    SELECT m.* INTO d FROM public.broadcast_deliveries AS m
    WHERE m.id = finish_broadcast.delivery_id AND m.worker = finish_broadcast.worker AND m.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'lost';
    END IF;
    -- Whoever ends a claim with a part still intended could not note what became of it.
    UPDATE public.broadcast_delivery_parts AS p
    SET state = 'unknown',
        decided_at = clock_timestamp(),
        error_code = 'not_heard_of',
        error_message = 'The worker was not heard of again.'
    WHERE p.delivery_id = d.id AND p.state = 'intended';
    SELECT m.* INTO b FROM public.broadcast_manager AS m WHERE m.id = d.broadcast_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        UPDATE public.broadcast_deliveries AS m
        SET finished_at = now(), outcome = 'channel_gone', worker = NULL, lease_until = NULL
        WHERE m.id = d.id;
        RETURN 'channel_gone';
    END IF;

    SELECT count(*) FILTER (WHERE p.state = 'sent'), count(*) FILTER (WHERE p.state = 'unknown')
    INTO sent, unknown
    FROM public.broadcast_delivery_parts AS p
    WHERE p.delivery_id = d.id;

    IF sent + unknown = 2 THEN
        UPDATE public.broadcast_deliveries AS m
        SET finished_at = now(), outcome = CASE unknown WHEN 0 THEN 'sent' ELSE 'unknown' END, worker = NULL, lease_until = NULL
        WHERE m.id = d.id;
        UPDATE public.broadcast_manager AS m
        SET broadcast_status = CASE unknown WHEN 0 THEN 'completed' ELSE 'failed' END,
            total_broadcasts = coalesce(m.total_broadcasts, 0) + 1,
            successful_broadcasts = coalesce(m.successful_broadcasts, 0) + (unknown = 0)::integer,
            consecutive_failures = CASE unknown WHEN 0 THEN 0 ELSE m.consecutive_failures END,
            last_sent_time = now(),
            -- What may have been sent is not repeated before its next turn.
            next_send_time = now() + s.send_interval,
            last_error_message = CASE WHEN unknown > 0 THEN 'It is not known whether the message was sent: no answer came.' END,
            last_error_time = CASE WHEN unknown > 0 THEN now() END,
            updated_at = now()
        WHERE m.id = b.id;
        RETURN CASE unknown WHEN 0 THEN 'sent' ELSE 'unknown' END;
    END IF;

    -- The last attempt of a part that is still to be sent.
    SELECT p.* INTO failure
    FROM public.broadcast_delivery_parts AS p
    WHERE p.delivery_id = d.id AND p.state = 'failed' AND p.decided_at >= d.claimed_at
        AND NOT EXISTS (
            SELECT FROM public.broadcast_delivery_parts AS o
            WHERE o.delivery_id = d.id AND o.part = p.part AND o.state <> 'failed'
        )
    ORDER BY p.decided_at DESC
    LIMIT 1;
    -- What is no fault of the channel's is tried again without being counted.
    IF NOT FOUND OR failure.error_code IN ('rate_limited', 'network', 'unauthorized', 'worker_stopped') THEN
        UPDATE public.broadcast_deliveries AS m SET worker = NULL, lease_until = NULL WHERE m.id = d.id;
        UPDATE public.broadcast_manager AS m
        SET broadcast_status = 'pending', next_send_time = now(), updated_at = now()
        WHERE m.id = b.id;
        RETURN 'released';
    END IF;

    failures := coalesce(b.consecutive_failures, 0) + 1;
    UPDATE public.broadcast_deliveries AS m
    SET worker = NULL,
        lease_until = NULL,
        finished_at = CASE WHEN failures >= s.max_consecutive_failures THEN now() END,
        outcome = CASE WHEN failures >= s.max_consecutive_failures THEN 'failed' END
    WHERE m.id = d.id;
    UPDATE public.broadcast_manager AS m
    SET broadcast_status = 'failed',
        is_active = failures < s.max_consecutive_failures,
        total_broadcasts = coalesce(m.total_broadcasts, 0) + 1,
        failed_broadcasts = coalesce(m.failed_broadcasts, 0) + 1,
        consecutive_failures = failures,
        next_send_time = now() + least(s.retry_pause * 2 ^ least(failures - 1, 30), s.max_retry_pause),
        last_error_message = failure.error_message,
        last_error_time = now(),
        updated_at = now()
    WHERE m.id = b.id;
    RETURN CASE WHEN failures >= s.max_consecutive_failures THEN 'switched_off' ELSE 'failed' END;
END;
$$;
