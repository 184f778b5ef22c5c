SELECT broadcast.lock_without_queueing('SHARE ROW EXCLUSIVE', 'public.registered_users');

CREATE TABLE IF NOT EXISTS broadcast.operators (
    user_id uuid PRIMARY KEY REFERENCES public.registered_users (user_id) ON DELETE CASCADE
);

COMMENT ON TABLE broadcast.operators IS
'The users who may see the operators'' page; INSERT one to let them in.';
COMMENT ON COLUMN broadcast.operators.user_id IS
'The operator.';
COMMENT ON CONSTRAINT operators_user_id_fkey ON broadcast.operators IS
'Who is deleted is no operator any more.';

-- No column of broadcast_manager: a further one would break every COPY into it that names no columns. No foreign key:
-- fixtures that truncate the platform's tables would have to name a third.
CREATE TABLE broadcast.switched_off (
    broadcast_id uuid PRIMARY KEY,
    reason text NOT NULL CHECK (reason IN ('failures', 'owner', 'operator')),
    switched_off_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE broadcast.switched_off IS
'Why a broadcast is off; counts only while the broadcast''s is_active is false.';
COMMENT ON COLUMN broadcast.switched_off.broadcast_id IS
'Which broadcast.';
COMMENT ON COLUMN broadcast.switched_off.reason IS
'failures: as many in a row as the settings allow; owner: paused by the client; operator: by who runs the platform.';
COMMENT ON COLUMN broadcast.switched_off.switched_off_at IS
'When it was switched off.';

-- No foreign key: fixtures that truncate the platform's tables would have to name a third.
CREATE TABLE broadcast.schedules (
    broadcast_id uuid PRIMARY KEY,
    send_at time CHECK (send_at < '24:00'),
    time_zone text,
    CONSTRAINT schedules_time_has_zone CHECK ((send_at IS NULL) = (time_zone IS NULL))
);

COMMENT ON TABLE broadcast.schedules IS
'When a broadcast is sent: every day at a local time, or by hand only. Without a row: a send_interval after the last.';
COMMENT ON COLUMN broadcast.schedules.broadcast_id IS
'Which broadcast.';
COMMENT ON COLUMN broadcast.schedules.send_at IS
'The local time of each day''s turn; NULL: it is sent by hand only.';
COMMENT ON COLUMN broadcast.schedules.time_zone IS
'Whose local time, as pg_timezone_names has it; NULL: it is sent by hand only.';
COMMENT ON CONSTRAINT schedules_time_has_zone ON broadcast.schedules IS
'A time is a time somewhere.';

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

CREATE TABLE broadcast.delivery_parts (
    delivery_id bigint NOT NULL REFERENCES broadcast.deliveries (id) ON DELETE CASCADE,
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
    CONSTRAINT delivery_parts_sent_has_message_id CHECK ((state = 'sent') = (message_id IS NOT NULL)),
    CONSTRAINT delivery_parts_decided_has_moment CHECK ((state = 'intended') = (decided_at IS NULL))
)
WITH (fillfactor = 80);

-- A part that was sent, or whose fate is not known, is not sent again.
CREATE UNIQUE INDEX delivery_parts_once_key ON broadcast.delivery_parts (delivery_id, part)
WHERE state <> 'failed';
CREATE INDEX delivery_parts_chat_id_idx ON broadcast.delivery_parts (chat_id, send_at);

COMMENT ON TABLE broadcast.delivery_parts IS
'Every attempt to send one of a broadcast''s two messages, written before it is sent and after.';
COMMENT ON COLUMN broadcast.delivery_parts.state IS
'intended: written before the request; then sent, failed (surely not sent), or unknown (the answer never came).';
COMMENT ON COLUMN broadcast.delivery_parts.chat_id IS
'Where it was sent: the channel''s id may change later, and the message is deleted where it is.';
COMMENT ON INDEX broadcast.delivery_parts_once_key IS
'No message of a delivery is sent twice.';
COMMENT ON COLUMN broadcast.delivery_parts.delivery_id IS
'The delivery that it is part of.';
COMMENT ON COLUMN broadcast.delivery_parts.part IS
'open or closed: which of the pair''s two channels.';
COMMENT ON COLUMN broadcast.delivery_parts.attempt IS
'Counts from 1 for each part of a delivery; a record names the attempt that it speaks of.';
COMMENT ON COLUMN broadcast.delivery_parts.send_at IS
'The moment that Telegram''s limits allowed for it.';
COMMENT ON COLUMN broadcast.delivery_parts.decided_at IS
'When its state became final; NULL while it is intended.';
COMMENT ON COLUMN broadcast.delivery_parts.message_id IS
'Telegram''s number of the message, by which it is deleted later; only of what was sent.';
COMMENT ON COLUMN broadcast.delivery_parts.deleted_at IS
'When the message was deleted, or found to be gone; NULL while it stands.';
COMMENT ON COLUMN broadcast.delivery_parts.error_code IS
'What went wrong, as a short name; of what failed or is unknown.';
COMMENT ON COLUMN broadcast.delivery_parts.error_message IS
'What went wrong, in words.';
COMMENT ON CONSTRAINT delivery_parts_delivery_id_fkey ON broadcast.delivery_parts IS
'The parts go with their delivery.';
COMMENT ON CONSTRAINT delivery_parts_sent_has_message_id ON broadcast.delivery_parts IS
'What was sent has its message''s number, and nothing else has.';
COMMENT ON CONSTRAINT delivery_parts_decided_has_moment ON broadcast.delivery_parts IS
'Whatever is not intended any more has its moment.';
COMMENT ON INDEX broadcast.delivery_parts_chat_id_idx IS
'Finds the last message to a chat, for Telegram''s limit of one a second.';

CREATE TABLE broadcast.notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    noted_at timestamptz NOT NULL DEFAULT now(),
    client_id uuid NOT NULL,
    broadcast_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('failed', 'switched_off', 'recovered')),
    message text,
    dismissed_at timestamptz
);

CREATE INDEX notices_broadcast_id_idx ON broadcast.notices (broadcast_id, id);

COMMENT ON TABLE broadcast.notices IS
'What an owner is told of: the first failure, the switching off and the recovery of a broadcast. An outbox: another '
'service may read it by id and send mail.';
COMMENT ON COLUMN broadcast.notices.id IS
'Counts up: who has read up to one reads on from there.';
COMMENT ON COLUMN broadcast.notices.noted_at IS
'When it happened.';
COMMENT ON COLUMN broadcast.notices.client_id IS
'Whom it is for.';
COMMENT ON COLUMN broadcast.notices.broadcast_id IS
'Of which broadcast it tells; no foreign key, since channels come and go.';
COMMENT ON COLUMN broadcast.notices.kind IS
'failed: the first failure of a row; switched_off: the last one that was allowed; recovered: sent again after either.';
COMMENT ON COLUMN broadcast.notices.message IS
'What went wrong and what to do, in words; NULL of a recovery.';
COMMENT ON COLUMN broadcast.notices.dismissed_at IS
'When the owner put it away on the page; NULL while it is shown. Another service keeps its own place.';
COMMENT ON INDEX broadcast.notices_broadcast_id_idx IS
'Finds the last notice of a broadcast.';

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

-- Unlogged: after a crash the lease begins anew.
CREATE UNLOGGED TABLE broadcast.foreign_marks (
    broadcast_id uuid PRIMARY KEY,
    row_version xid NOT NULL,
    seen_at timestamptz NOT NULL
);

COMMENT ON TABLE broadcast.foreign_marks IS
'Broadcasts that another program has marked as being sent, and since when we see its mark unchanged.';
COMMENT ON COLUMN broadcast.foreign_marks.broadcast_id IS
'Which broadcast.';
COMMENT ON COLUMN broadcast.foreign_marks.row_version IS
'The broadcast row''s xmin: any write to the row changes it, whatever it writes.';
COMMENT ON COLUMN broadcast.foreign_marks.seen_at IS
'When this version of the row was seen first.';

CREATE UNLOGGED TABLE broadcast.watchers (
    client_id uuid PRIMARY KEY,
    watched_until timestamptz NOT NULL
);

COMMENT ON TABLE broadcast.watchers IS
'Whose dashboard is open somewhere, and until when: only they are told of changes.';
COMMENT ON COLUMN broadcast.watchers.client_id IS
'Whose dashboard is open.';
COMMENT ON COLUMN broadcast.watchers.watched_until IS
'Until then they are told; an open dashboard renews it.';

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

CREATE UNLOGGED TABLE broadcast.workers (
    process text PRIMARY KEY,
    version text NOT NULL,
    bot text NOT NULL,
    concurrency integer NOT NULL,
    poll_interval interval NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_look timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON TABLE broadcast.workers IS
'Which workers run: each writes its row at every look for what is due, and deletes it when it stops.';
COMMENT ON COLUMN broadcast.workers.process IS
'Host, process number and a mark of its own; a claim''s worker begins with it.';
COMMENT ON COLUMN broadcast.workers.version IS
'The release that it runs.';
COMMENT ON COLUMN broadcast.workers.bot IS
'Telegram''s name of the bot that it sends as.';
COMMENT ON COLUMN broadcast.workers.concurrency IS
'As many broadcasts it sends at a time.';
COMMENT ON COLUMN broadcast.workers.poll_interval IS
'From one look to the next, at most.';
COMMENT ON COLUMN broadcast.workers.started_at IS
'When it began.';
COMMENT ON COLUMN broadcast.workers.last_look IS
'When it last looked for what is due.';

-- An event trigger of others may have switched it on for our new tables, and nobody but their owner would see a row of
-- them any more. Who may read what is said by grants.
DO $$
DECLARE
    ours regclass;
BEGIN
    FOR ours IN
        SELECT c.oid FROM pg_class AS c
        WHERE c.relnamespace = 'broadcast'::regnamespace AND c.relkind = 'r' AND (c.relrowsecurity OR c.relforcerowsecurity)
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY', ours);
    END LOOP;
END;
$$;

CREATE INDEX delivery_parts_not_sent_idx
ON broadcast.delivery_parts (decided_at, state)
WHERE state IN ('failed', 'unknown');

COMMENT ON INDEX broadcast.delivery_parts_not_sent_idx IS
'Counts what lately was not sent, for broadcast.metrics.';
