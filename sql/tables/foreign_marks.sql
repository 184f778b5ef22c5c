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
