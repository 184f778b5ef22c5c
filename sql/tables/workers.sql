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
