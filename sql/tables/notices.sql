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
