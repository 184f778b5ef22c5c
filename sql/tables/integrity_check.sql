CREATE TABLE broadcast.integrity_check (
    is_only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (is_only_row),
    checked_at timestamptz NOT NULL,
    duration interval NOT NULL,
    channels bigint NOT NULL,
    broadcasts bigint NOT NULL,
    switched_off jsonb NOT NULL,
    failing bigint NOT NULL,
    attempts_successful bigint NOT NULL,
    attempts_failed bigint NOT NULL,
    violations jsonb NOT NULL
);

COMMENT ON TABLE broadcast.integrity_check IS
'What the last full check found, and when; one row, written by check_integrity().';
COMMENT ON COLUMN broadcast.integrity_check.duration IS
'How long the check took.';
COMMENT ON COLUMN broadcast.integrity_check.switched_off IS
'How many broadcasts are off, by reason.';
COMMENT ON COLUMN broadcast.integrity_check.failing IS
'Broadcasts that are active and failed when they were last sent.';
COMMENT ON COLUMN broadcast.integrity_check.attempts_successful IS
'What the counters of the broadcasts that are there add up to; sinks when a channel is deleted.';
COMMENT ON COLUMN broadcast.integrity_check.attempts_failed IS
'Likewise.';
COMMENT ON COLUMN broadcast.integrity_check.violations IS
'How often each check of broadcast.integrity_violations found something.';
COMMENT ON COLUMN broadcast.integrity_check.is_only_row IS
'Always true: keeps the table at one row.';
COMMENT ON COLUMN broadcast.integrity_check.checked_at IS
'When the check was made.';
COMMENT ON COLUMN broadcast.integrity_check.channels IS
'How many channels there were.';
COMMENT ON COLUMN broadcast.integrity_check.broadcasts IS
'How many broadcast rows there were.';
