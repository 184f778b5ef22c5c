CREATE TABLE broadcast.outage (
    is_only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only_row),
    error_code text NOT NULL,
    channels integer NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    next_probe_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);

COMMENT ON TABLE broadcast.outage IS
'While many channels fail alike: no channel''s fault. One row at most; the last one stays when it is over.';
COMMENT ON COLUMN broadcast.outage.is_only_row IS
'Always true: keeps the table at one row.';
COMMENT ON COLUMN broadcast.outage.error_code IS
'What they fail with.';
COMMENT ON COLUMN broadcast.outage.channels IS
'How many broadcasts had failed so when it was noticed.';
COMMENT ON COLUMN broadcast.outage.began_at IS
'When it was noticed.';
COMMENT ON COLUMN broadcast.outage.next_probe_at IS
'The earliest moment at which one more broadcast is tried.';
COMMENT ON COLUMN broadcast.outage.ended_at IS
'When a broadcast went out again; NULL while it lasts.';
