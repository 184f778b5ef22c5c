CREATE TABLE public.broadcast_bot_slot (
    is_only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only_row),
    next_slot timestamptz NOT NULL DEFAULT now()
);

INSERT INTO public.broadcast_bot_slot DEFAULT VALUES;

COMMENT ON TABLE public.broadcast_bot_slot IS
'When the bot may send its next message, for all workers together.';
COMMENT ON COLUMN public.broadcast_bot_slot.is_only_row IS
'Always true: keeps the table at one row.';
COMMENT ON COLUMN public.broadcast_bot_slot.next_slot IS
'The earliest moment at which the next message may be sent.';
