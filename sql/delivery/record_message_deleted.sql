CREATE OR REPLACE FUNCTION broadcast.record_message_deleted(chat_id text, message_id bigint)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    UPDATE broadcast.delivery_parts AS p
    SET deleted_at = now()
    WHERE p.chat_id = record_message_deleted.chat_id AND p.message_id = record_message_deleted.message_id;
$$;

COMMENT ON FUNCTION broadcast.record_message_deleted(text, bigint) IS
'Notes that a message no longer stands in its chat.';
REVOKE ALL ON FUNCTION broadcast.record_message_deleted(text, bigint) FROM public;
