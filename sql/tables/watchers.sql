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
