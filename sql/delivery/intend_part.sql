CREATE OR REPLACE FUNCTION broadcast.intend_part(delivery_id bigint, worker text, part text)
RETURNS TABLE (attempt integer, send_at timestamptz, chat_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    settings broadcast.settings;
    slot timestamptz := clock_timestamp();
    to_chat text;
    number integer;
BEGIN
    SELECT s.* INTO settings FROM broadcast.settings AS s;
    PERFORM FROM broadcast.deliveries AS d
    WHERE d.id = intend_part.delivery_id AND d.worker = intend_part.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN; -- The lease has run out; another worker has the broadcast.
    END IF;
    SELECT CASE intend_part.part WHEN 'open' THEN b.open_channel_id ELSE b.closed_channel_id END INTO to_chat
    FROM broadcast.deliveries AS d
    INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
    WHERE d.id = intend_part.delivery_id;
    IF NOT FOUND THEN
        RETURN; -- The channel was deleted.
    END IF;
    IF EXISTS (
        SELECT FROM broadcast.delivery_parts AS p
        WHERE p.delivery_id = intend_part.delivery_id AND p.part = intend_part.part AND p.state <> 'failed'
    ) THEN
        RETURN;
    END IF;

    IF settings.messages_per_second IS NOT NULL OR settings.chat_interval IS NOT NULL THEN
        -- The lock on this one row also keeps two workers from giving one chat the same time.
        SELECT greatest(bot.next_slot, slot) INTO slot FROM broadcast.bot_slot AS bot FOR UPDATE;
        UPDATE broadcast.bot_slot
        SET next_slot = slot
            + coalesce(interval '1 second' / settings.messages_per_second::double precision, interval '0');
        SELECT greatest(slot, max(p.send_at) + settings.chat_interval) INTO slot
        FROM broadcast.delivery_parts AS p
        WHERE p.chat_id = to_chat AND p.send_at > slot - settings.chat_interval;
    ELSE
        -- Without limits of our own, Telegram's retry_after is still obeyed.
        SELECT greatest(bot.next_slot, slot) INTO slot FROM broadcast.bot_slot AS bot;
    END IF;

    INSERT INTO broadcast.delivery_parts AS new_part (delivery_id, part, attempt, chat_id, send_at)
    SELECT intend_part.delivery_id, intend_part.part, coalesce(max(p.attempt), 0) + 1, to_chat, slot
    FROM broadcast.delivery_parts AS p
    WHERE p.delivery_id = intend_part.delivery_id AND p.part = intend_part.part
    RETURNING new_part.attempt INTO number;
    UPDATE broadcast.deliveries AS d SET lease_until = slot + settings.claim_lease WHERE d.id = intend_part.delivery_id;

    RETURN QUERY SELECT number, slot, to_chat;
END;
$$;

COMMENT ON FUNCTION broadcast.intend_part(bigint, text, text) IS
'Records that a worker is about to send this part; gives where and not before when, or nothing.';
REVOKE ALL ON FUNCTION broadcast.intend_part(bigint, text, text) FROM public;
