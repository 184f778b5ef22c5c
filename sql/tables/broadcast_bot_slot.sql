CREATE TABLE public.broadcast_bot_slot (
    is_only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only_row),
    next_slot timestamptz NOT NULL DEFAULT now()
);

INSERT INTO public.broadcast_bot_slot DEFAULT VALUES;

COMMENT ON TABLE public.broadcast_bot_slot IS
'When the bot may send its next message, for all workers together.';
