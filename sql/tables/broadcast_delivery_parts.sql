CREATE TABLE public.broadcast_delivery_parts (
    delivery_id bigint NOT NULL REFERENCES public.broadcast_deliveries (id) ON DELETE CASCADE,
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
    CHECK ((state = 'sent') = (message_id IS NOT NULL)),
    CHECK ((state = 'intended') = (decided_at IS NULL))
)
WITH (fillfactor = 80);

-- A part that was sent, or whose fate is not known, is not sent again.
CREATE UNIQUE INDEX broadcast_delivery_parts_once_key ON public.broadcast_delivery_parts (delivery_id, part)
WHERE state <> 'failed';
CREATE INDEX broadcast_delivery_parts_chat_id_idx ON public.broadcast_delivery_parts (chat_id, send_at);

COMMENT ON TABLE public.broadcast_delivery_parts IS
'Every attempt to send one of a broadcast''s two messages, written before it is sent and after.';
COMMENT ON COLUMN public.broadcast_delivery_parts.state IS
'intended: written before the request; then sent, failed (surely not sent), or unknown (the answer never came).';
COMMENT ON COLUMN public.broadcast_delivery_parts.chat_id IS
'Where it was sent: the channel''s id may change later, and the message is deleted where it is.';
COMMENT ON INDEX public.broadcast_delivery_parts_once_key IS
'No message of a delivery is sent twice.';
COMMENT ON COLUMN public.broadcast_delivery_parts.delivery_id IS
'The delivery that it is part of.';
COMMENT ON COLUMN public.broadcast_delivery_parts.part IS
'open or closed: which of the pair''s two channels.';
COMMENT ON COLUMN public.broadcast_delivery_parts.attempt IS
'Counts from 1 for each part of a delivery; a record names the attempt that it speaks of.';
COMMENT ON COLUMN public.broadcast_delivery_parts.send_at IS
'The moment that Telegram''s limits allowed for it.';
COMMENT ON COLUMN public.broadcast_delivery_parts.decided_at IS
'When its state became final; NULL while it is intended.';
COMMENT ON COLUMN public.broadcast_delivery_parts.message_id IS
'Telegram''s number of the message, by which it is deleted later; only of what was sent.';
COMMENT ON COLUMN public.broadcast_delivery_parts.deleted_at IS
'When the message was deleted, or found to be gone; NULL while it stands.';
COMMENT ON COLUMN public.broadcast_delivery_parts.error_code IS
'What went wrong, as a short name; of what failed or is unknown.';
COMMENT ON COLUMN public.broadcast_delivery_parts.error_message IS
'What went wrong, in words.';
COMMENT ON CONSTRAINT broadcast_delivery_parts_delivery_id_fkey ON public.broadcast_delivery_parts IS
'The parts go with their delivery.';
COMMENT ON CONSTRAINT broadcast_delivery_parts_check ON public.broadcast_delivery_parts IS
'What was sent has its message''s number, and nothing else has.';
COMMENT ON CONSTRAINT broadcast_delivery_parts_check1 ON public.broadcast_delivery_parts IS
'Whatever is not intended any more has its moment.';
COMMENT ON INDEX public.broadcast_delivery_parts_chat_id_idx IS
'Finds the last message to a chat, for Telegram''s limit of one a second.';
