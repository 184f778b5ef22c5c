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
