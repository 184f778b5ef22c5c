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
