-- No foreign key to broadcast_manager: what was sent stays known when the channel is gone, and a key would be in the
-- way of fixtures that truncate the two tables.
CREATE TABLE broadcast.deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    broadcast_id uuid NOT NULL,
    cause text NOT NULL DEFAULT 'schedule' CHECK (cause IN ('schedule', 'by_hand')),
    due_at timestamptz,
    started_at timestamptz NOT NULL DEFAULT now(),
    worker text,
    claimed_at timestamptz,
    lease_until timestamptz,
    finished_at timestamptz,
    error_code text,
    error_message text,
    outcome text CHECK (outcome IN ('sent', 'failed', 'unknown', 'superseded', 'channel_gone', 'skipped')),
    CONSTRAINT deliveries_finished_has_outcome CHECK ((finished_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT deliveries_claim_has_lease CHECK ((worker IS NULL) = (lease_until IS NULL))
)
WITH (fillfactor = 80);

CREATE UNIQUE INDEX deliveries_unfinished_key ON broadcast.deliveries (broadcast_id)
WHERE finished_at IS NULL;
CREATE INDEX deliveries_broadcast_id_idx ON broadcast.deliveries (broadcast_id, id);
CREATE INDEX deliveries_finished_at_idx ON broadcast.deliveries (finished_at)
WHERE finished_at IS NOT NULL;

COMMENT ON TABLE broadcast.deliveries IS
'One line for each time a broadcast is due: who has claimed it until when, and how it ended.';
COMMENT ON COLUMN broadcast.deliveries.worker IS
'Who has claimed it; NULL while nobody works on it.';
COMMENT ON INDEX broadcast.deliveries_unfinished_key IS
'A broadcast is delivered by one delivery at a time.';
COMMENT ON COLUMN broadcast.deliveries.id IS
'Counts up: of two deliveries of a broadcast the larger is the later.';
COMMENT ON COLUMN broadcast.deliveries.broadcast_id IS
'Which broadcast; no foreign key, since what was sent stays known when the channel is gone.';
COMMENT ON COLUMN broadcast.deliveries.cause IS
'schedule: its turn had come; by_hand: somebody asked for it.';
COMMENT ON COLUMN broadcast.deliveries.due_at IS
'The turn that it is for.';
COMMENT ON COLUMN broadcast.deliveries.started_at IS
'When it was claimed for the first time, or skipped.';
COMMENT ON COLUMN broadcast.deliveries.claimed_at IS
'When it was claimed the last time.';
COMMENT ON COLUMN broadcast.deliveries.lease_until IS
'At this moment a silent worker''s claim is given back; NULL while nobody works on it.';
COMMENT ON COLUMN broadcast.deliveries.finished_at IS
'When it ended; NULL while it may go on.';
COMMENT ON COLUMN broadcast.deliveries.error_code IS
'database_error where the database did not let it be sent, the last time that it was tried, not_claimable where it did '
'not even let it be claimed, not_advertisable where the channel lacked what a message needs, too_late or '
'skipped_by_owner of what was skipped; NULL as a rule.';
COMMENT ON COLUMN broadcast.deliveries.error_message IS
'What the database said then, what the channel lacked, or why it was skipped.';
COMMENT ON COLUMN broadcast.deliveries.outcome IS
'How it ended: sent, failed, unknown, superseded (by a manual trigger), channel_gone or skipped.';
COMMENT ON CONSTRAINT deliveries_finished_has_outcome ON broadcast.deliveries IS
'What has ended has an outcome, and nothing else has.';
COMMENT ON CONSTRAINT deliveries_claim_has_lease ON broadcast.deliveries IS
'Every claim has its lease.';
COMMENT ON INDEX broadcast.deliveries_broadcast_id_idx IS
'Finds a broadcast''s last delivery and its history.';
COMMENT ON INDEX broadcast.deliveries_finished_at_idx IS
'Finds what ended lately, for health(), and what is too old to be kept.';
