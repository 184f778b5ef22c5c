CREATE OR REPLACE FUNCTION broadcast.next_step(
    delivery_id bigint,
    worker text,
    part text DEFAULT NULL,
    attempt integer DEFAULT NULL,
    outcome text DEFAULT NULL,
    message_id bigint DEFAULT NULL,
    error_code text DEFAULT NULL,
    error_message text DEFAULT NULL,
    retry_after interval DEFAULT NULL,
    deleted jsonb DEFAULT NULL
)
RETURNS TABLE (
    ended_as text,
    to_delete jsonb,
    next_part text,
    next_attempt integer,
    send_at timestamptz,
    chat_id text,
    lease_seconds double precision,
    open_channel_id text,
    open_channel_title text,
    open_channel_description text,
    closed_channel_id text,
    closed_channel_title text,
    closed_channel_description text,
    closed_channel_donation_message text,
    sub_1_price numeric,
    sub_1_time bigint,
    sub_2_price numeric,
    sub_2_time bigint,
    sub_3_price numeric,
    sub_3_time bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    channel record;
    nothing_done constant boolean := next_step.part IS NULL AND next_step.deleted IS NULL;
    deletion_failed constant boolean := next_step.part IS NULL AND next_step.error_code IS NOT NULL;
BEGIN
    -- First of all, and also when the lease has run out: what is known is not lost.
    IF next_step.part IS NOT NULL THEN
        PERFORM broadcast.record_part(
            next_step.delivery_id, next_step.part, next_step.attempt, next_step.outcome, next_step.message_id,
            next_step.error_code, next_step.error_message, next_step.retry_after
        );
    END IF;
    PERFORM broadcast.record_message_deleted(m.chat_id, m.message_id)
    FROM jsonb_to_recordset(next_step.deleted) AS m (chat_id text, message_id bigint);

    PERFORM FROM broadcast.deliveries AS d
    WHERE d.id = next_step.delivery_id AND d.worker = next_step.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        ended_as := 'lost';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT c.* INTO channel FROM broadcast.channel_to_send(next_step.delivery_id) AS c;
    IF NOT FOUND THEN
        ended_as := broadcast.set_aside(
            next_step.delivery_id, next_step.worker, 'no channel has this broadcast''s pair'
        );
        RETURN NEXT;
        RETURN;
    END IF;

    IF nothing_done THEN
        SELECT jsonb_agg(to_jsonb(m)) INTO to_delete FROM broadcast.messages_to_delete(next_step.delivery_id) AS m;
    END IF;
    IF to_delete IS NULL AND (deletion_failed OR NOT broadcast.ends_delivery(next_step.error_code)) THEN
        FOREACH next_part IN ARRAY CASE next_step.part
            WHEN 'open' THEN ARRAY['closed']
            WHEN 'closed' THEN ARRAY[]::text[]
            ELSE ARRAY['open', 'closed']
        END
        LOOP
            SELECT i.attempt, i.send_at, i.chat_id INTO next_attempt, send_at, chat_id
            FROM broadcast.intend_part(next_step.delivery_id, next_step.worker, next_part) AS i;
            IF next_attempt IS NULL AND NOT nothing_done THEN
                -- This step was taken before, and its answer was lost: the message has not been sent.
                SELECT p.attempt, p.send_at, p.chat_id INTO next_attempt, send_at, chat_id
                FROM broadcast.delivery_parts AS p
                WHERE p.delivery_id = next_step.delivery_id AND p.part = next_part AND p.state = 'intended';
            END IF;
            EXIT WHEN next_attempt IS NOT NULL;
        END LOOP;
    END IF;
    IF deletion_failed AND next_attempt IS NOT NULL THEN
        PERFORM broadcast.record_part(
            next_step.delivery_id, next_part, next_attempt, 'failed', NULL,
            next_step.error_code, next_step.error_message, next_step.retry_after
        );
    END IF;
    IF to_delete IS NULL AND (deletion_failed OR next_attempt IS NULL) THEN
        ended_as := broadcast.finish_broadcast(next_step.delivery_id, next_step.worker);
    END IF;
    RETURN QUERY SELECT
        ended_as, to_delete, next_part, next_attempt, send_at, chat_id,
        (SELECT extract(EPOCH FROM s.claim_lease)::double precision FROM broadcast.settings AS s),
        channel.open_channel_id, channel.open_channel_title, channel.open_channel_description,
        channel.closed_channel_id, channel.closed_channel_title, channel.closed_channel_description,
        channel.closed_channel_donation_message,
        channel.sub_1_price, channel.sub_1_time,
        channel.sub_2_price, channel.sub_2_time,
        channel.sub_3_price, channel.sub_3_time;
END;
$$;

COMMENT ON FUNCTION broadcast.next_step(
    bigint, text, text, integer, text, bigint, text, text, interval, jsonb
) IS
'Records what came of a worker''s last request, and tells the next: messages to delete, a part to send, or the end.';
REVOKE ALL ON FUNCTION broadcast.next_step(
    bigint, text, text, integer, text, bigint, text, text, interval, jsonb
) FROM public;
