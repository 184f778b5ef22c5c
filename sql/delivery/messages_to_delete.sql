CREATE OR REPLACE FUNCTION broadcast.messages_to_delete(delivery_id bigint)
RETURNS TABLE (chat_id text, message_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT p.chat_id, p.message_id
    FROM broadcast.deliveries AS d
    INNER JOIN broadcast.deliveries AS earlier ON d.broadcast_id = earlier.broadcast_id AND earlier.id < d.id
    INNER JOIN broadcast.delivery_parts AS p ON earlier.id = p.delivery_id AND p.state = 'sent' AND p.deleted_at IS NULL
    WHERE d.id = messages_to_delete.delivery_id
    UNION
    -- Sent before there was a history: the chat was not recorded, so today's pair is used.
    SELECT v.chat_id, v.message_id
    FROM broadcast.deliveries AS d
    INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
    CROSS JOIN LATERAL (
        VALUES
            ('open', b.open_channel_id::text, b.last_open_message_id::bigint),
            ('closed', b.closed_channel_id::text, b.last_closed_message_id::bigint)
    ) AS v (part, chat_id, message_id)
    WHERE d.id = messages_to_delete.delivery_id
        AND v.message_id IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM broadcast.deliveries AS e
            INNER JOIN broadcast.delivery_parts AS p ON e.id = p.delivery_id
            WHERE e.broadcast_id = b.id AND p.part = v.part AND p.state = 'sent'
        );
$$;

COMMENT ON FUNCTION broadcast.messages_to_delete(bigint) IS
'The messages of earlier deliveries of the same broadcast that still stand, with the chat they were sent to.';
REVOKE ALL ON FUNCTION broadcast.messages_to_delete(bigint) FROM public;
