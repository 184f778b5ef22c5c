CREATE TABLE broadcast.delivery_parts (
    delivery_id bigint NOT NULL REFERENCES broadcast.deliveries (id) ON DELETE CASCADE,
    part text NOT NULL CHECK (part IN ('open', 'closed')),
    attempt integer NOT NULL,
    chat_id text NOT NULL,
    state text NOT NULL DEFAULT 'intended' CHECK (state IN ('intended', 'sent', 'failed', 'unknown')),
    send_at timestamptz NOT NULL,
    decided_at timestamptz,
    message_id bigint,
    deleted_at timestamptz,
    error_code text,
    error_message text,
    PRIMARY KEY (delivery_id, part, attempt),
    CONSTRAINT delivery_parts_sent_has_message_id CHECK ((state = 'sent') = (message_id IS NOT NULL)),
    CONSTRAINT delivery_parts_decided_has_moment CHECK ((state = 'intended') = (decided_at IS NULL))
)
WITH (fillfactor = 80);

-- A part that was sent, or whose fate is not known, is not sent again.
CREATE UNIQUE INDEX delivery_parts_once_key ON broadcast.delivery_parts (delivery_id, part)
WHERE state <> 'failed';
CREATE INDEX delivery_parts_chat_id_idx ON broadcast.delivery_parts (chat_id, send_at);

COMMENT ON TABLE broadcast.delivery_parts IS
'Every attempt to send one of a broadcast''s two messages, written before it is sent and after.';
COMMENT ON COLUMN broadcast.delivery_parts.state IS
'intended: written before the request; then sent, failed (surely not sent), or unknown (the answer never came).';
COMMENT ON COLUMN broadcast.delivery_parts.chat_id IS
'Where it was sent: the channel''s id may change later, and the message is deleted where it is.';
COMMENT ON INDEX broadcast.delivery_parts_once_key IS
'No message of a delivery is sent twice.';
COMMENT ON COLUMN broadcast.delivery_parts.delivery_id IS
'The delivery that it is part of.';
COMMENT ON COLUMN broadcast.delivery_parts.part IS
'open or closed: which of the pair''s two channels.';
COMMENT ON COLUMN broadcast.delivery_parts.attempt IS
'Counts from 1 for each part of a delivery; a record names the attempt that it speaks of.';
COMMENT ON COLUMN broadcast.delivery_parts.send_at IS
'The moment that Telegram''s limits allowed for it.';
COMMENT ON COLUMN broadcast.delivery_parts.decided_at IS
'When its state became final; NULL while it is intended.';
COMMENT ON COLUMN broadcast.delivery_parts.message_id IS
'Telegram''s number of the message, by which it is deleted later; only of what was sent.';
COMMENT ON COLUMN broadcast.delivery_parts.deleted_at IS
'When the message was deleted, or found to be gone; NULL while it stands.';
COMMENT ON COLUMN broadcast.delivery_parts.error_code IS
'What went wrong, as a short name; of what failed or is unknown.';
COMMENT ON COLUMN broadcast.delivery_parts.error_message IS
'What went wrong, in words.';
COMMENT ON CONSTRAINT delivery_parts_delivery_id_fkey ON broadcast.delivery_parts IS
'The parts go with their delivery.';
COMMENT ON CONSTRAINT delivery_parts_sent_has_message_id ON broadcast.delivery_parts IS
'What was sent has its message''s number, and nothing else has.';
COMMENT ON CONSTRAINT delivery_parts_decided_has_moment ON broadcast.delivery_parts IS
'Whatever is not intended any more has its moment.';
COMMENT ON INDEX broadcast.delivery_parts_chat_id_idx IS
'Finds the last message to a chat, for Telegram''s limit of one a second.';
