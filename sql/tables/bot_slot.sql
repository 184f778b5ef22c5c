CREATE TABLE broadcast.bot_slot (
    is_only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only_row),
    next_slot timestamptz NOT NULL DEFAULT now()
);

INSERT INTO broadcast.bot_slot DEFAULT VALUES;

COMMENT ON TABLE broadcast.bot_slot IS
'When the bot may send its next message, for all workers together.';
COMMENT ON COLUMN broadcast.bot_slot.is_only_row IS
'Always true: keeps the table at one row.';
COMMENT ON COLUMN broadcast.bot_slot.next_slot IS
'The earliest moment at which the next message may be sent.';
