ALTER TABLE public.broadcast_manager_settings
ADD COLUMN IF NOT EXISTS claim_lease interval NOT NULL DEFAULT '2 minutes' CHECK (claim_lease > '0'),
ADD COLUMN IF NOT EXISTS messages_per_second numeric DEFAULT 30 CHECK (messages_per_second > 0),
ADD COLUMN IF NOT EXISTS chat_interval interval DEFAULT '1 second' CHECK (chat_interval > '0'),
ADD COLUMN IF NOT EXISTS history_kept interval NOT NULL DEFAULT '90 days' CHECK (history_kept > '0');

COMMENT ON COLUMN public.broadcast_manager_settings.claim_lease IS
'As long a worker may be silent before its broadcast is given back.';
COMMENT ON COLUMN public.broadcast_manager_settings.messages_per_second IS
'Telegram''s limit for one bot, held across all workers; NULL for none.';
COMMENT ON COLUMN public.broadcast_manager_settings.chat_interval IS
'Telegram''s limit for one chat: from one message to the next; NULL for none.';
COMMENT ON COLUMN public.broadcast_manager_settings.history_kept IS
'As long finished deliveries are kept.';

-- No foreign key to broadcast_manager: what was sent stays known when the channel is gone, and a key would be in the way of
-- fixtures that truncate the two tables.
CREATE TABLE public.broadcast_deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    broadcast_id uuid NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    worker text,
    claimed_at timestamptz,
    lease_until timestamptz,
    finished_at timestamptz,
    outcome text CHECK (outcome IN ('sent', 'failed', 'unknown', 'superseded', 'channel_gone')),
    CHECK ((finished_at IS NULL) = (outcome IS NULL)),
    CHECK ((worker IS NULL) = (lease_until IS NULL))
)
WITH (fillfactor = 80);

CREATE UNIQUE INDEX broadcast_deliveries_unfinished_key ON public.broadcast_deliveries (broadcast_id)
WHERE finished_at IS NULL;
CREATE INDEX broadcast_deliveries_broadcast_id_idx ON public.broadcast_deliveries (broadcast_id, id);

COMMENT ON TABLE public.broadcast_deliveries IS
'One line for each time a broadcast is due: who has claimed it until when, and how it ended.';
COMMENT ON COLUMN public.broadcast_deliveries.worker IS
'Who has claimed it; NULL while nobody works on it.';
COMMENT ON INDEX public.broadcast_deliveries_unfinished_key IS
'A broadcast is delivered by one delivery at a time.';

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

CREATE TABLE public.broadcast_bot_slot (
    is_only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only_row),
    next_slot timestamptz NOT NULL DEFAULT now()
);

INSERT INTO public.broadcast_bot_slot DEFAULT VALUES;

COMMENT ON TABLE public.broadcast_bot_slot IS
'When the bot may send its next message, for all workers together.';
