CREATE OR REPLACE FUNCTION broadcast.next_turn(broadcast_id uuid, turn timestamptz, after timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- A day of send_interval has 24 hours.
SET timezone = 'UTC'
AS $$
DECLARE
    schedule broadcast.schedules;
    send_interval constant interval := (SELECT s.send_interval FROM broadcast.settings AS s);
    seconds constant double precision := extract(EPOCH FROM send_interval);
BEGIN
    SELECT s.* INTO schedule FROM broadcast.schedules AS s WHERE s.broadcast_id = next_turn.broadcast_id;
    IF FOUND THEN
        BEGIN
            -- One turn for each local date, whatever the clock does on it. A time that does not exist is taken by the
            -- clock before the change, so it comes an hour later; of one that exists twice it is the second.
            RETURN (
                SELECT min(t.moment)
                FROM generate_series(-1, 2) AS d (days)
                CROSS JOIN LATERAL (
                    SELECT (
                        (after AT TIME ZONE schedule.time_zone)::date + d.days + schedule.send_at
                    ) AT TIME ZONE schedule.time_zone
                ) AS t (moment)
                WHERE t.moment > after
            );
        EXCEPTION
            -- A zone that this server does not know, after a move to another one: it is sent as without a schedule.
            WHEN invalid_parameter_value THEN NULL;
        END;
    END IF;
    IF turn IS NULL OR NOT isfinite(turn) OR turn = after THEN
        RETURN after + send_interval;
    END IF;
    -- The turns keep their rhythm, however many of them were missed.
    RETURN turn + make_interval(secs => seconds * (floor(extract(EPOCH FROM after - turn) / seconds) + 1));
END;
$$;

COMMENT ON FUNCTION broadcast.next_turn(uuid, timestamptz, timestamptz) IS
'A broadcast''s first turn after this moment, by its schedule; where it has none, whole send_intervals after the turn '
'given. NULL: it is sent by hand only.';
REVOKE ALL ON FUNCTION broadcast.next_turn(uuid, timestamptz, timestamptz) FROM public;
