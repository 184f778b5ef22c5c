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
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
-- By the keys, even where the statistics still call the history empty.
SET enable_seqscan = off
-- To PostgreSQL before 18 that makes the one-row tables look expensive enough to compile for.
SET jit = off
AS $$
BEGIN
    -- Also when the lease has run out meanwhile: what is known now is better than unknown.
    UPDATE broadcast.delivery_parts AS p
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
    -- Of a claim that is over: finish_broadcast() takes the message along otherwise.
    IF outcome = 'sent' THEN
        UPDATE public.broadcast_manager AS b
        SET last_open_message_id = CASE part WHEN 'open' THEN record_part.message_id ELSE b.last_open_message_id END,
            last_open_message_sent_at = CASE part WHEN 'open' THEN now() ELSE b.last_open_message_sent_at END,
            last_closed_message_id = CASE part WHEN 'closed' THEN record_part.message_id ELSE b.last_closed_message_id END,
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
'Notes what became of a part: sent with its message id, failed with the reason, or unknown; retry_after holds all workers back.';
REVOKE ALL ON FUNCTION broadcast.record_part(bigint, text, integer, text, bigint, text, text, interval) FROM public;
