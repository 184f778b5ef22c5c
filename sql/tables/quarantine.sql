CREATE TABLE IF NOT EXISTS broadcast.quarantine (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    quarantined_at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL
    CHECK (reason IN ('channel_gone', 'duplicate', 'owner_corrected', 'relinked')),
    broadcast_id uuid,
    broadcast_row jsonb NOT NULL
);

COMMENT ON TABLE broadcast.quarantine IS
'Broadcast rows as they were before a repair moved or changed them, with the reason: nothing is lost.';
COMMENT ON COLUMN broadcast.quarantine.reason IS
'channel_gone and duplicate: the row was taken out; owner_corrected and relinked: the row stayed, changed.';
COMMENT ON COLUMN broadcast.quarantine.broadcast_row IS
'The whole row; jsonb_populate_record(NULL::public.broadcast_manager, broadcast_row) makes it a row again.';
COMMENT ON COLUMN broadcast.quarantine.id IS
'Counts up, in the order in which rows came.';
COMMENT ON COLUMN broadcast.quarantine.quarantined_at IS
'When the repair moved or changed the row.';
COMMENT ON COLUMN broadcast.quarantine.broadcast_id IS
'The row''s id.';
