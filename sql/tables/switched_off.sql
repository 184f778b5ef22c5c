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
