CREATE OR REPLACE FUNCTION public.broadcast_state(b public.broadcast_manager)
RETURNS text
LANGUAGE sql
STABLE
STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN b.broadcast_status = 'in_progress' THEN 'sending'
        WHEN b.is_active IS NOT TRUE THEN 'off'
        WHEN b.broadcast_status = 'skipped' THEN 'skipped'
        WHEN b.next_send_time <= now() THEN 'queued'
        WHEN b.broadcast_status = 'failed' THEN coalesce(
            (
                SELECT 'unknown'
                FROM (
                    SELECT d.outcome FROM public.broadcast_deliveries AS d
                    WHERE d.broadcast_id = b.id
                    ORDER BY d.id DESC
                    LIMIT 1
                ) AS last
                WHERE last.outcome = 'unknown'
            ), 'failed'
        )
        WHEN b.broadcast_status = 'completed' THEN 'sent'
        ELSE 'scheduled'
    END;
$$;

COMMENT ON FUNCTION public.broadcast_state(public.broadcast_manager) IS
'What people are told of a broadcast: sending, off, skipped, queued, failed, unknown, sent or scheduled.';
REVOKE ALL ON FUNCTION public.broadcast_state(public.broadcast_manager) FROM public;

CREATE OR REPLACE FUNCTION public.request_broadcast(broadcast_id uuid, client_id uuid)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    b public.broadcast_manager;
    wait integer;
BEGIN
    PERFORM public.own_broadcast(broadcast_id, client_id);
    -- Held from here on: of two clicks the second one sees what the first has done.
    SELECT m.* INTO b FROM public.broadcast_manager AS m
    WHERE m.id = broadcast_id AND m.client_id = request_broadcast.client_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no broadcast %', broadcast_id USING ERRCODE = 'BM010';
    ELSIF b.broadcast_status = 'in_progress' THEN
        RAISE EXCEPTION 'broadcast % is being sent', broadcast_id USING ERRCODE = 'BM013';
    ELSIF b.is_active IS NOT TRUE THEN
        RAISE EXCEPTION 'broadcast % is switched off', broadcast_id
        USING ERRCODE = 'BM012', HINT = 'Switch it on again: reactivate_broadcast().';
    END IF;
    wait := public.retry_after_seconds(b);
    IF wait > 0 THEN
        RAISE EXCEPTION 'broadcast % can be triggered again in % seconds', broadcast_id, wait
        USING ERRCODE = 'BM014', DETAIL = jsonb_build_object('retry_after_seconds', wait)::text;
    END IF;
    UPDATE public.broadcast_manager AS m
    SET broadcast_status = 'pending',
        next_send_time = now(),
        last_manual_trigger_time = clock_timestamp(),
        manual_trigger_count = coalesce(m.manual_trigger_count, 0) + 1,
        updated_at = now()
    WHERE m.id = broadcast_id;
    -- What an earlier delivery could not send is not waited for: both messages go out anew.
    UPDATE public.broadcast_deliveries AS d
    SET finished_at = now(), outcome = 'superseded'
    WHERE d.broadcast_id = request_broadcast.broadcast_id AND d.finished_at IS NULL;
    PERFORM pg_notify('broadcast_manager_due', broadcast_id::text);
END;
$$;

COMMENT ON FUNCTION public.request_broadcast(uuid, uuid) IS
'Makes a client''s broadcast due now and tells the workers; refused when it is off, being sent, or too soon.';
REVOKE ALL ON FUNCTION public.request_broadcast(uuid, uuid) FROM public;

CREATE OR REPLACE FUNCTION public.claim_due_broadcasts(worker text, max_count integer)
RETURNS TABLE (delivery_id bigint, broadcast_id uuid)
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH due AS (
        SELECT b.id
        FROM public.broadcast_manager AS b
        WHERE b.is_active
            AND b.next_send_time <= now()
            AND b.broadcast_status IN ('pending', 'completed', 'failed')
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
        RETURNING b.id
    )
    INSERT INTO public.broadcast_deliveries AS d (broadcast_id, worker, claimed_at, lease_until)
    SELECT c.id, claim_due_broadcasts.worker, clock_timestamp(), clock_timestamp() + s.claim_lease
    FROM claimed AS c
    CROSS JOIN public.broadcast_manager_settings AS s
    -- A delivery that failed in part goes on where it stopped.
    ON CONFLICT (broadcast_id) WHERE finished_at IS NULL
    DO UPDATE SET worker = excluded.worker, claimed_at = excluded.claimed_at, lease_until = excluded.lease_until
    RETURNING d.id, d.broadcast_id;
$$;

COMMENT ON FUNCTION public.claim_due_broadcasts(text, integer) IS
'Gives a worker so many due broadcasts, at most, that no other worker has; it must be heard of again within the lease.';
REVOKE ALL ON FUNCTION public.claim_due_broadcasts(text, integer) FROM public;

CREATE OR REPLACE FUNCTION public.messages_to_delete(delivery_id bigint)
RETURNS TABLE (chat_id text, message_id bigint)
LANGUAGE sql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT p.chat_id, p.message_id
    FROM public.broadcast_deliveries AS d
    INNER JOIN public.broadcast_deliveries AS earlier ON d.broadcast_id = earlier.broadcast_id AND earlier.id < d.id
    INNER JOIN public.broadcast_delivery_parts AS p ON earlier.id = p.delivery_id AND p.state = 'sent' AND p.deleted_at IS NULL
    WHERE d.id = messages_to_delete.delivery_id
    UNION
    -- Sent before there was a history: where it was sent is not known, so by the pair of today.
    SELECT v.chat_id, v.message_id
    FROM public.broadcast_deliveries AS d
    INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
    CROSS JOIN LATERAL (
        VALUES ('open', b.open_channel_id, b.last_open_message_id), ('closed', b.closed_channel_id, b.last_closed_message_id)
    ) AS v (part, chat_id, message_id)
    WHERE d.id = messages_to_delete.delivery_id
        AND v.message_id IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM public.broadcast_deliveries AS e
            INNER JOIN public.broadcast_delivery_parts AS p ON e.id = p.delivery_id
            WHERE e.broadcast_id = b.id AND p.part = v.part AND p.state = 'sent'
        );
$$;

COMMENT ON FUNCTION public.messages_to_delete(bigint) IS
'The messages of earlier deliveries of the same broadcast that still stand, with the chat they were sent to.';
REVOKE ALL ON FUNCTION public.messages_to_delete(bigint) FROM public;

CREATE OR REPLACE FUNCTION public.record_message_deleted(chat_id text, message_id bigint)
RETURNS void
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE public.broadcast_delivery_parts AS p
    SET deleted_at = now()
    WHERE p.chat_id = record_message_deleted.chat_id AND p.message_id = record_message_deleted.message_id;
$$;

COMMENT ON FUNCTION public.record_message_deleted(text, bigint) IS
'Notes that a message no longer stands in its chat.';
REVOKE ALL ON FUNCTION public.record_message_deleted(text, bigint) FROM public;

CREATE OR REPLACE FUNCTION public.intend_part(delivery_id bigint, worker text, part text)
RETURNS TABLE (
    attempt integer,
    send_at timestamptz,
    chat_id text,
    open_channel_id text,
    open_channel_title text,
    open_channel_description text,
    closed_channel_id text,
    closed_channel_title text,
    closed_channel_description text,
    closed_channel_donation_message text,
    sub_1_price numeric,
    sub_1_time smallint,
    sub_2_price numeric,
    sub_2_time smallint,
    sub_3_price numeric,
    sub_3_time smallint
)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- By the keys, even where the statistics still call the history empty.
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    s public.broadcast_manager_settings;
    c public.main_clients_database;
    slot timestamptz := clock_timestamp();
    to_chat text;
    number integer;
BEGIN
    SELECT m.* INTO s FROM public.broadcast_manager_settings AS m;
    PERFORM FROM public.broadcast_deliveries AS d
    WHERE d.id = intend_part.delivery_id AND d.worker = intend_part.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN; -- The lease had run out, and the broadcast is somebody else's.
    END IF;
    SELECT m.* INTO c
    FROM public.broadcast_deliveries AS d
    INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
    INNER JOIN public.main_clients_database AS m
        ON b.open_channel_id = m.open_channel_id AND b.closed_channel_id = m.closed_channel_id
    WHERE d.id = intend_part.delivery_id;
    IF NOT FOUND THEN
        RETURN; -- The channel was deleted.
    END IF;
    IF EXISTS (
        SELECT FROM public.broadcast_delivery_parts AS p
        WHERE p.delivery_id = intend_part.delivery_id AND p.part = intend_part.part AND p.state <> 'failed'
    ) THEN
        RETURN;
    END IF;
    to_chat := CASE intend_part.part WHEN 'open' THEN c.open_channel_id ELSE c.closed_channel_id END;

    IF s.messages_per_second IS NOT NULL OR s.chat_interval IS NOT NULL THEN
        -- The lock on the one row also keeps two workers from giving one chat the same moment.
        SELECT greatest(b.next_slot, slot) INTO slot FROM public.broadcast_bot_slot AS b FOR UPDATE;
        UPDATE public.broadcast_bot_slot
        SET next_slot = slot + coalesce(interval '1 second' / s.messages_per_second::double precision, interval '0');
        SELECT greatest(slot, max(p.send_at) + s.chat_interval) INTO slot
        FROM public.broadcast_delivery_parts AS p
        WHERE p.chat_id = to_chat AND p.send_at > slot - s.chat_interval;
    ELSE
        -- Telegram's retry_after is obeyed without limits of our own, too.
        SELECT greatest(b.next_slot, slot) INTO slot FROM public.broadcast_bot_slot AS b;
    END IF;

    INSERT INTO public.broadcast_delivery_parts AS made (delivery_id, part, attempt, chat_id, send_at)
    SELECT intend_part.delivery_id, intend_part.part, coalesce(max(p.attempt), 0) + 1, to_chat, slot
    FROM public.broadcast_delivery_parts AS p
    WHERE p.delivery_id = intend_part.delivery_id AND p.part = intend_part.part
    RETURNING made.attempt INTO number;
    UPDATE public.broadcast_deliveries AS d SET lease_until = slot + s.claim_lease WHERE d.id = intend_part.delivery_id;

    RETURN QUERY SELECT
        number, slot, to_chat,
        c.open_channel_id::text, c.open_channel_title::text, c.open_channel_description::text,
        c.closed_channel_id::text, c.closed_channel_title::text, c.closed_channel_description::text,
        c.closed_channel_donation_message::text,
        c.sub_1_price, c.sub_1_time, c.sub_2_price, c.sub_2_time, c.sub_3_price, c.sub_3_time;
END;
$$;

COMMENT ON FUNCTION public.intend_part(bigint, text, text) IS
'Notes that a worker is about to send this part and gives what to send, where, and not before when; nothing when it must not.';
REVOKE ALL ON FUNCTION public.intend_part(bigint, text, text) FROM public;

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

COMMENT ON FUNCTION public.record_part(bigint, text, integer, text, bigint, text, text, interval) IS
'Notes what became of a part: sent with its message id, failed with the reason, or unknown; retry_after holds all workers back.';
REVOKE ALL ON FUNCTION public.record_part(bigint, text, integer, text, bigint, text, text, interval) FROM public;

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

COMMENT ON FUNCTION public.finish_broadcast(bigint, text) IS
'Ends a worker''s claim by what became of the parts: sent, unknown, failed, switched_off, released, channel_gone or lost.';
REVOKE ALL ON FUNCTION public.finish_broadcast(bigint, text) FROM public;

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
            -- A message that still stands has to be deleted before the next one is sent.
            AND NOT EXISTS (
                SELECT FROM public.broadcast_delivery_parts AS p
                WHERE p.delivery_id = d.id AND p.state = 'sent' AND p.deleted_at IS NULL
            )
        RETURNING d.id
    )
    SELECT count(*) FROM forgotten;
$$;

COMMENT ON FUNCTION public.forget_old_deliveries() IS
'Deletes finished deliveries older than the settings keep them, but for those whose messages still stand.';
REVOKE ALL ON FUNCTION public.forget_old_deliveries() FROM public;
