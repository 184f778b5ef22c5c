CREATE OR REPLACE FUNCTION broadcast.record_part(
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
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
BEGIN
    -- Also after the lease has run out: a known result is better than an unknown one.
    UPDATE broadcast.delivery_parts AS p
    SET state = outcome,
        decided_at = clock_timestamp(),
        message_id = record_part.message_id,
        error_code = record_part.error_code,
        error_message = record_part.error_message
    WHERE p.delivery_id = record_part.delivery_id
        AND p.part = record_part.part
        -- A late record must not touch a later attempt.
        AND p.attempt = record_part.attempt
        AND p.state IN ('intended', 'unknown');
    -- Only when the claim has ended: otherwise finish_broadcast() copies the message's id.
    IF outcome = 'sent' THEN
        UPDATE public.broadcast_manager AS b
        SET last_open_message_id = CASE part WHEN 'open' THEN record_part.message_id ELSE b.last_open_message_id END,
            last_open_message_sent_at = CASE part WHEN 'open' THEN now() ELSE b.last_open_message_sent_at END,
            last_closed_message_id = CASE part
                WHEN 'closed' THEN record_part.message_id
                ELSE b.last_closed_message_id
            END,
            last_closed_message_sent_at = CASE part WHEN 'closed' THEN now() ELSE b.last_closed_message_sent_at END
        FROM broadcast.deliveries AS d
        WHERE d.id = record_part.delivery_id AND d.worker IS NULL AND b.id = d.broadcast_id;
    END IF;
    IF retry_after IS NOT NULL THEN
        UPDATE broadcast.bot_slot AS s SET next_slot = greatest(s.next_slot, clock_timestamp() + retry_after);
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.record_part(bigint, text, integer, text, bigint, text, text, interval) IS
'Records a part''s outcome: sent with its message id, failed with the reason, or unknown; retry_after holds all back.';
REVOKE ALL ON FUNCTION broadcast.record_part(bigint, text, integer, text, bigint, text, text, interval) FROM public;
