CREATE OR REPLACE FUNCTION broadcast.store_schedule(broadcast_id uuid, schedule jsonb)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    kind constant text := schedule ->> 'kind';
    send_at constant text := schedule ->> 'send_at';
    time_zone constant text := schedule ->> 'time_zone';
    problems jsonb := '{}';
BEGIN
    IF kind IS NULL OR kind NOT IN ('interval', 'daily', 'by_hand') THEN
        problems := '{"schedule": "must be interval, daily or by_hand"}';
    ELSIF kind = 'daily' THEN
        IF coalesce(send_at, '') !~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' THEN
            problems := '{"send_at": "must be a time such as 09:00"}';
        END IF;
        -- AT TIME ZONE takes more than these: abbreviations that know no summer time, and rules of one's own.
        IF NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = time_zone) THEN
            problems := problems || '{"time_zone": "must be a time zone such as Europe/Berlin"}';
        END IF;
    END IF;
    IF problems <> '{}' THEN
        RAISE EXCEPTION 'the schedule is not valid'
        USING ERRCODE = 'BM006', DETAIL = problems::text, HINT = 'The detail names each field with what it must be.';
    END IF;
    IF kind = 'interval' THEN
        DELETE FROM broadcast.schedules AS s WHERE s.broadcast_id = store_schedule.broadcast_id;
    ELSE
        INSERT INTO broadcast.schedules AS s (broadcast_id, send_at, time_zone)
        VALUES (
            store_schedule.broadcast_id,
            CASE kind WHEN 'daily' THEN send_at::time END,
            CASE kind WHEN 'daily' THEN time_zone END
        )
        ON CONFLICT ON CONSTRAINT schedules_pkey
        DO UPDATE SET send_at = excluded.send_at, time_zone = excluded.time_zone;
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.store_schedule(uuid, jsonb) IS
'Stores a schedule: kind is interval, daily (with send_at and time_zone) or by_hand; BM006 names what is wrong.';
REVOKE ALL ON FUNCTION broadcast.store_schedule(uuid, jsonb) FROM public;
