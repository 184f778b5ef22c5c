CREATE OR REPLACE FUNCTION broadcast.finite(moment timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT
-- No SET clause: it would keep the planner from inlining the body. Whoever calls this pins the path.
AS $$
    SELECT CASE WHEN moment >= '0001-01-02 00:00:00+00' AND moment < '9999-12-31 00:00:00+00' THEN moment END;
$$;

COMMENT ON FUNCTION broadcast.finite(timestamptz) IS
'The moment; NULL for infinity and for years before 1 and after 9999, which no client can show.';
REVOKE ALL ON FUNCTION broadcast.finite(timestamptz) FROM public;

CREATE OR REPLACE FUNCTION broadcast.refuse_broadcast(broadcast_id uuid)
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    IF EXISTS (SELECT FROM public.broadcast_manager AS b WHERE b.id = broadcast_id) THEN
        RAISE EXCEPTION 'broadcast % belongs to another client', broadcast_id USING ERRCODE = 'BM011';
    END IF;
    RAISE EXCEPTION 'there is no broadcast %', broadcast_id USING ERRCODE = 'BM010';
END;
$$;

COMMENT ON FUNCTION broadcast.refuse_broadcast(uuid) IS
'Says why a client''s broadcast was not found: it is another client''s (BM011), or there is none (BM010).';
REVOKE ALL ON FUNCTION broadcast.refuse_broadcast(uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.off_reason(b public.broadcast_manager)
RETURNS text
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT CASE WHEN b.is_active IS NOT TRUE THEN coalesce(
        (SELECT s.reason FROM broadcast.switched_off AS s WHERE s.broadcast_id = b.id), 'other'
    ) END;
$$;

COMMENT ON FUNCTION broadcast.off_reason(public.broadcast_manager) IS
'Why the broadcast is off: failures, owner, operator, or other where another program did it; NULL while it is on.';
REVOKE ALL ON FUNCTION broadcast.off_reason(public.broadcast_manager) FROM public;

CREATE OR REPLACE FUNCTION broadcast.switch_off(broadcast_id uuid, reason text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    INSERT INTO broadcast.switched_off AS s (broadcast_id, reason)
    VALUES (switch_off.broadcast_id, switch_off.reason)
    ON CONFLICT ON CONSTRAINT switched_off_pkey DO UPDATE SET reason = excluded.reason, switched_off_at = now();
    UPDATE public.broadcast_manager AS b
    SET is_active = FALSE,
        updated_at = now()
    WHERE b.id = switch_off.broadcast_id AND b.is_active IS NOT FALSE;
    -- What was to be tried again is not, a day later perhaps, sent as half of a broadcast.
    UPDATE broadcast.deliveries AS d
    SET finished_at = now(), outcome = 'failed'
    WHERE d.broadcast_id = switch_off.broadcast_id AND d.finished_at IS NULL AND d.worker IS NULL;
$$;

COMMENT ON FUNCTION broadcast.switch_off(uuid, text) IS
'Switches a broadcast off and keeps why: failures, owner or operator. What is being sent is finished.';
REVOKE ALL ON FUNCTION broadcast.switch_off(uuid, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.last_outcome(broadcast_id uuid)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT d.outcome FROM broadcast.deliveries AS d
    WHERE d.broadcast_id = last_outcome.broadcast_id
    ORDER BY d.id DESC
    LIMIT 1;
$$;

COMMENT ON FUNCTION broadcast.last_outcome(uuid) IS
'How a broadcast''s last delivery ended; NULL while it may go on, or where there was none.';
REVOKE ALL ON FUNCTION broadcast.last_outcome(uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.broadcast_state(b public.broadcast_manager)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN b.broadcast_status = 'in_progress' THEN 'sending'
        WHEN b.is_active IS NOT TRUE THEN 'off'
        WHEN b.broadcast_status = 'skipped' THEN 'skipped'
        WHEN b.next_send_time <= now() THEN 'queued'
        WHEN b.broadcast_status = 'failed' AND broadcast.last_outcome(b.id) = 'unknown' THEN 'unknown'
        WHEN b.broadcast_status = 'failed' THEN 'failed'
        WHEN b.broadcast_status = 'completed' THEN 'sent'
        ELSE 'scheduled'
    END;
$$;

COMMENT ON FUNCTION broadcast.broadcast_state(public.broadcast_manager) IS
'What people are told of a broadcast: sending, off, skipped, queued, failed, unknown, sent or scheduled.';
REVOKE ALL ON FUNCTION broadcast.broadcast_state(public.broadcast_manager) FROM public;

CREATE OR REPLACE FUNCTION broadcast.retry_after_seconds(b public.broadcast_manager)
RETURNS integer
LANGUAGE sql VOLATILE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    -- The clock, not now(): a transaction may have begun long ago.
    -- A click recorded in the future, by a wrong clock, counts as made now.
    SELECT CASE
        WHEN b.last_manual_trigger_time > clock_timestamp() - s.manual_trigger_interval
            THEN ceil(extract(
                EPOCH FROM least(b.last_manual_trigger_time, clock_timestamp())
                + s.manual_trigger_interval - clock_timestamp()
            ))::integer
        ELSE 0
    END
    FROM broadcast.settings AS s;
$$;

COMMENT ON FUNCTION broadcast.retry_after_seconds(public.broadcast_manager) IS
'Seconds until the broadcast may be triggered by hand again; 0 when it may now.';
REVOKE ALL ON FUNCTION broadcast.retry_after_seconds(public.broadcast_manager) FROM public;

CREATE OR REPLACE FUNCTION broadcast.is_by_hand(b public.broadcast_manager)
RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(b.last_manual_trigger_time >= b.next_send_time, FALSE);
$$;

COMMENT ON FUNCTION broadcast.is_by_hand(public.broadcast_manager) IS
'Whether the next send was asked for by hand: a trigger makes it due at once.';
REVOKE ALL ON FUNCTION broadcast.is_by_hand(public.broadcast_manager) FROM public;

CREATE OR REPLACE FUNCTION broadcast.schedule_of(broadcast_id uuid)
RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT coalesce(
        (
            SELECT jsonb_build_object(
                'kind', CASE WHEN s.send_at IS NULL THEN 'by_hand' ELSE 'daily' END,
                'send_at', to_char(s.send_at, 'HH24:MI'),
                'time_zone', s.time_zone
            )
            FROM broadcast.schedules AS s
            WHERE s.broadcast_id = schedule_of.broadcast_id
        ),
        '{"kind": "interval", "send_at": null, "time_zone": null}'
    );
$$;

COMMENT ON FUNCTION broadcast.schedule_of(uuid) IS
'When a broadcast is sent, as store_schedule() takes it.';
REVOKE ALL ON FUNCTION broadcast.schedule_of(uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.client_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (
    open_channel_id text,
    closed_channel_id text,
    broadcast_status text,
    state text,
    off_reason text,
    retry_after_seconds integer,
    is_active boolean,
    schedule jsonb,
    next_turn timestamptz,
    next_send_time timestamptz,
    last_sent_time timestamptz,
    last_manual_trigger_time timestamptz,
    manual_trigger_count bigint,
    total_broadcasts bigint,
    successful_broadcasts bigint,
    failed_broadcasts bigint,
    consecutive_failures bigint,
    last_error_message text,
    last_error_time timestamptz
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- In some databases the times have no time zone; they are UTC.
SET timezone = 'UTC'
AS $$
BEGIN
    RETURN QUERY
    SELECT
        b.open_channel_id::text,
        b.closed_channel_id::text,
        b.broadcast_status::text,
        broadcast.broadcast_state(b),
        broadcast.off_reason(b),
        coalesce(broadcast.retry_after_seconds(b), 0),
        b.is_active,
        broadcast.schedule_of(b.id),
        broadcast.finite(CASE
            WHEN b.is_active THEN b.next_send_time
            ELSE broadcast.next_turn(b.id, b.next_send_time, now())
        END),
        broadcast.finite(b.next_send_time),
        broadcast.finite(b.last_sent_time),
        broadcast.finite(b.last_manual_trigger_time),
        coalesce(b.manual_trigger_count, 0)::bigint,
        coalesce(b.total_broadcasts, 0)::bigint,
        coalesce(b.successful_broadcasts, 0)::bigint,
        coalesce(b.failed_broadcasts, 0)::bigint,
        coalesce(b.consecutive_failures, 0)::bigint,
        b.last_error_message::text,
        broadcast.finite(b.last_error_time)
    FROM public.broadcast_manager AS b
    WHERE b.id = client_broadcast.broadcast_id AND b.client_id = client_broadcast.client_id;
    IF NOT FOUND THEN
        PERFORM broadcast.refuse_broadcast(client_broadcast.broadcast_id);
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.client_broadcast(uuid, uuid) IS
'How a client''s own broadcast stands; refused for any other.';
REVOKE ALL ON FUNCTION broadcast.client_broadcast(uuid, uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.own_broadcast(broadcast_id uuid, client_id uuid)
RETURNS public.broadcast_manager
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    stored public.broadcast_manager;
BEGIN
    SELECT b.* INTO stored FROM public.broadcast_manager AS b
    WHERE b.id = own_broadcast.broadcast_id AND b.client_id = own_broadcast.client_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM broadcast.refuse_broadcast(own_broadcast.broadcast_id);
    END IF;
    RETURN stored;
END;
$$;

COMMENT ON FUNCTION broadcast.own_broadcast(uuid, uuid) IS
'A client''s own broadcast, locked: of two calls the second one sees what the first has done; refused for any other.';
REVOKE ALL ON FUNCTION broadcast.own_broadcast(uuid, uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.is_being_sent(b public.broadcast_manager)
RETURNS boolean
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT coalesce(b.broadcast_status = 'in_progress', FALSE) OR EXISTS (
        -- Whatever another program has made of the row meanwhile.
        SELECT FROM broadcast.deliveries AS d
        WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.worker IS NOT NULL
    );
$$;

COMMENT ON FUNCTION broadcast.is_being_sent(public.broadcast_manager) IS
'Whether a worker, or another program, is sending the broadcast now.';
REVOKE ALL ON FUNCTION broadcast.is_being_sent(public.broadcast_manager) FROM public;

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

CREATE OR REPLACE FUNCTION broadcast.request_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    stored public.broadcast_manager;
    wait integer;
BEGIN
    -- The row is locked from here on: of two clicks the second one sees what the first has done.
    stored := broadcast.own_broadcast(request_broadcast.broadcast_id, request_broadcast.client_id);
    IF broadcast.is_being_sent(stored) THEN
        RAISE EXCEPTION 'broadcast % is being sent', stored.id USING ERRCODE = 'BM013';
    ELSIF stored.is_active IS NOT TRUE THEN
        RAISE EXCEPTION 'broadcast % is switched off', stored.id
        USING ERRCODE = 'BM012', HINT = 'Switch it on again: reactivate_broadcast().';
    END IF;
    wait := broadcast.retry_after_seconds(stored);
    IF wait > 0 THEN
        RAISE EXCEPTION 'broadcast % can be triggered again in % seconds', stored.id, wait
        USING ERRCODE = 'BM014', DETAIL = jsonb_build_object('retry_after_seconds', wait)::text;
    END IF;
    UPDATE public.broadcast_manager AS b
    SET broadcast_status = 'pending',
        next_send_time = now(),
        last_manual_trigger_time = clock_timestamp(),
        manual_trigger_count = coalesce(b.manual_trigger_count, 0) + 1,
        updated_at = now()
    WHERE b.id = stored.id;
    -- An unfinished earlier delivery ends here: both messages are sent anew.
    UPDATE broadcast.deliveries AS d
    SET finished_at = now(), outcome = 'superseded'
    WHERE d.broadcast_id = stored.id AND d.finished_at IS NULL;
    PERFORM pg_notify('broadcast_manager_due', stored.id::text);
    RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
END;
$$;

COMMENT ON FUNCTION broadcast.request_broadcast(uuid, uuid) IS
'Makes a client''s broadcast due now, wakes the workers and gives its pair; refused when off, being sent or too soon.';
REVOKE ALL ON FUNCTION broadcast.request_broadcast(uuid, uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.reactivate_broadcast(
    broadcast_id uuid, client_id uuid, at_once boolean DEFAULT FALSE
)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
    stored constant public.broadcast_manager :=
        broadcast.own_broadcast(reactivate_broadcast.broadcast_id, reactivate_broadcast.client_id);
BEGIN
    IF stored.is_active IS NOT TRUE THEN
        -- Another program may have switched it off between two attempts.
        UPDATE broadcast.deliveries AS d
        SET finished_at = now(), outcome = 'failed'
        WHERE d.broadcast_id = stored.id AND d.finished_at IS NULL AND d.worker IS NULL;
    END IF;
    UPDATE public.broadcast_manager AS b
    SET is_active = true,
        consecutive_failures = 0,
        -- What is being sent plans its next turn when it ends.
        next_send_time = CASE
            WHEN stored.is_active OR broadcast.is_being_sent(stored) THEN b.next_send_time
            ELSE broadcast.next_turn(b.id, b.next_send_time, now())
        END,
        updated_at = now()
    WHERE b.id = stored.id;
    DELETE FROM broadcast.switched_off AS s WHERE s.broadcast_id = stored.id;
    IF reactivate_broadcast.at_once THEN
        RETURN QUERY SELECT r.open_channel_id, r.closed_channel_id
        FROM broadcast.request_broadcast(stored.id, stored.client_id) AS r;
    ELSE
        RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.reactivate_broadcast(uuid, uuid, boolean) IS
'Switches a client''s broadcast on again, forgets its failures in a row and gives its pair. It takes its next turn: '
'what was overdue is not sent. At once: it is triggered by hand besides.';
REVOKE ALL ON FUNCTION broadcast.reactivate_broadcast(uuid, uuid, boolean) FROM public;

CREATE OR REPLACE FUNCTION broadcast.pause_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    stored constant public.broadcast_manager :=
        broadcast.own_broadcast(pause_broadcast.broadcast_id, pause_broadcast.client_id);
BEGIN
    -- What is off already keeps its reason.
    IF stored.is_active THEN
        PERFORM broadcast.switch_off(stored.id, 'owner');
    END IF;
    RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
END;
$$;

COMMENT ON FUNCTION broadcast.pause_broadcast(uuid, uuid) IS
'Pauses a client''s broadcast and gives its pair; what is being sent is finished, and nothing after it is sent.';
REVOKE ALL ON FUNCTION broadcast.pause_broadcast(uuid, uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.skip_turn(b public.broadcast_manager, code text, message text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
AS $$
    WITH ended AS (
        UPDATE broadcast.deliveries AS d
        SET finished_at = now(), outcome = 'skipped', error_code = skip_turn.code, error_message = skip_turn.message
        WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.worker IS NULL
        RETURNING d.id
    )
    INSERT INTO broadcast.deliveries (broadcast_id, due_at, finished_at, outcome, error_code, error_message)
    SELECT b.id, broadcast.finite(b.next_send_time), now(), 'skipped', skip_turn.code, skip_turn.message
    WHERE NOT EXISTS (SELECT FROM ended);
    UPDATE public.broadcast_manager AS m
    SET broadcast_status = 'pending',
        next_send_time = broadcast.next_turn(b.id, b.next_send_time, greatest(b.next_send_time, now())),
        updated_at = now()
    WHERE m.id = b.id;
$$;

COMMENT ON FUNCTION broadcast.skip_turn(public.broadcast_manager, text, text) IS
'Leaves out a turn of a broadcast that the caller has locked: says so in its history, and plans the next one.';
REVOKE ALL ON FUNCTION broadcast.skip_turn(public.broadcast_manager, text, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.skip_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    stored constant public.broadcast_manager :=
        broadcast.own_broadcast(skip_broadcast.broadcast_id, skip_broadcast.client_id);
BEGIN
    IF broadcast.is_being_sent(stored) THEN
        RAISE EXCEPTION 'broadcast % is being sent', stored.id USING ERRCODE = 'BM013';
    ELSIF stored.is_active IS NOT TRUE THEN
        RAISE EXCEPTION 'broadcast % is switched off', stored.id
        USING ERRCODE = 'BM012', HINT = 'Switch it on again: reactivate_broadcast().';
    ELSIF stored.next_send_time IS NULL OR NOT isfinite(stored.next_send_time) THEN
        RAISE EXCEPTION 'broadcast % has no next turn', stored.id
        USING ERRCODE = 'BM018', HINT = 'It is sent by hand only: set_schedule() gives it turns.';
    END IF;
    PERFORM broadcast.skip_turn(stored, 'skipped_by_owner', 'You had it left out.');
    RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
END;
$$;

COMMENT ON FUNCTION broadcast.skip_broadcast(uuid, uuid) IS
'Leaves out the next turn of a client''s broadcast and gives its pair; refused when off, being sent or by hand only.';
REVOKE ALL ON FUNCTION broadcast.skip_broadcast(uuid, uuid) FROM public;

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

CREATE OR REPLACE FUNCTION broadcast.set_schedule(broadcast_id uuid, client_id uuid, schedule jsonb)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
AS $$
#variable_conflict use_column
DECLARE
    stored constant public.broadcast_manager :=
        broadcast.own_broadcast(set_schedule.broadcast_id, set_schedule.client_id);
BEGIN
    PERFORM broadcast.store_schedule(stored.id, set_schedule.schedule);
    -- What is being sent, is to be tried again, or was asked for by hand stays: its end plans the next turn.
    UPDATE public.broadcast_manager AS b
    SET next_send_time = broadcast.next_turn(b.id, b.last_sent_time, now()),
        updated_at = now()
    WHERE b.id = stored.id
        AND b.broadcast_status IS DISTINCT FROM 'in_progress'
        AND NOT broadcast.is_by_hand(b)
        AND NOT EXISTS (
            SELECT FROM broadcast.deliveries AS d WHERE d.broadcast_id = b.id AND d.finished_at IS NULL
        );
    RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
END;
$$;

COMMENT ON FUNCTION broadcast.set_schedule(uuid, uuid, jsonb) IS
'Changes when a client''s broadcast is sent, plans its next turn by it and gives its pair; see store_schedule().';
REVOKE ALL ON FUNCTION broadcast.set_schedule(uuid, uuid, jsonb) FROM public;

CREATE OR REPLACE FUNCTION broadcast.time_zones()
RETURNS text []
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT array_agg(z.name ORDER BY z.name)
    FROM pg_timezone_names AS z
    WHERE z.name = 'UTC' OR z.name ~ '^(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific)/';
$$;

COMMENT ON FUNCTION broadcast.time_zones() IS
'The time zones that a form offers; store_schedule() takes every one that this server knows.';
REVOKE ALL ON FUNCTION broadcast.time_zones() FROM public;

CREATE OR REPLACE FUNCTION broadcast.client_deliveries(
    broadcast_id uuid,
    client_id uuid,
    outcome text DEFAULT NULL,
    before bigint DEFAULT NULL,
    max_count integer DEFAULT 30
)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
BEGIN
    PERFORM FROM public.broadcast_manager AS b
    WHERE b.id = client_deliveries.broadcast_id AND b.client_id = client_deliveries.client_id;
    IF NOT FOUND THEN
        PERFORM broadcast.refuse_broadcast(client_deliveries.broadcast_id);
    END IF;
    RETURN (
        SELECT coalesce(json_agg(to_json(listed) ORDER BY listed.id DESC), '[]')
        FROM (
            SELECT
                d.id,
                d.cause,
                d.due_at,
                d.started_at,
                d.finished_at,
                coalesce(d.outcome, CASE WHEN d.worker IS NULL THEN 'waiting' ELSE 'sending' END) AS outcome,
                d.error_code,
                d.error_message,
                (
                    SELECT coalesce(json_agg(to_json(p) ORDER BY p.part DESC), '[]')
                    FROM (
                        -- The last attempt of each part tells how it ended.
                        SELECT DISTINCT ON (a.part)
                            a.part, a.attempt AS attempts, a.state, a.chat_id, a.message_id, a.decided_at,
                            a.deleted_at, a.error_code, a.error_message
                        FROM broadcast.delivery_parts AS a
                        WHERE a.delivery_id = d.id
                        ORDER BY a.part, a.attempt DESC
                    ) AS p
                ) AS parts
            FROM broadcast.deliveries AS d
            WHERE d.broadcast_id = client_deliveries.broadcast_id
                AND (client_deliveries.before IS NULL OR d.id < client_deliveries.before)
                AND (
                    client_deliveries.outcome IS NULL
                    OR coalesce(d.outcome, CASE WHEN d.worker IS NULL THEN 'waiting' ELSE 'sending' END)
                    = client_deliveries.outcome
                )
            ORDER BY d.id DESC
            LIMIT greatest(1, least(client_deliveries.max_count, 100))
        ) AS listed
    );
END;
$$;

COMMENT ON FUNCTION broadcast.client_deliveries(uuid, uuid, text, bigint, integer) IS
'The deliveries of a client''s own broadcast with their parts, the newest first, as JSON: of one outcome or of all, '
'those before the id given. One that has not ended is sending, or waiting for its next attempt.';
REVOKE ALL ON FUNCTION broadcast.client_deliveries(uuid, uuid, text, bigint, integer) FROM public;

CREATE OR REPLACE FUNCTION broadcast.last_deliveries(client_id uuid, broadcast_ids uuid [])
RETURNS TABLE (broadcast_id uuid, outcomes text [])
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
    SELECT b.id, last.outcomes
    FROM public.broadcast_manager AS b
    CROSS JOIN LATERAL (
        SELECT array_agg(coalesce(d.outcome, 'waiting') ORDER BY d.id) AS outcomes
        FROM (
            SELECT newest.id, newest.outcome
            FROM broadcast.deliveries AS newest
            WHERE newest.broadcast_id = b.id
            ORDER BY newest.id DESC
            LIMIT 30
        ) AS d
    ) AS last
    WHERE b.id = ANY (last_deliveries.broadcast_ids)
        AND b.client_id = last_deliveries.client_id AND last.outcomes IS NOT NULL;
$$;

COMMENT ON FUNCTION broadcast.last_deliveries(uuid, uuid []) IS
'How the last 30 deliveries of each of these broadcasts of a client ended, the oldest first.';
REVOKE ALL ON FUNCTION broadcast.last_deliveries(uuid, uuid []) FROM public;

CREATE OR REPLACE FUNCTION broadcast.client_notices(client_id uuid)
RETURNS TABLE (id bigint, noted_at timestamptz, kind text, message text, broadcast_id uuid, channel text, path text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        n.id, n.noted_at, n.kind, n.message, b.id,
        coalesce(c.open_channel_title::text, c.open_channel_id::text),
        concat('/channels/', c.open_channel_id, '/', c.closed_channel_id)
    FROM public.broadcast_manager AS b
    INNER JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    CROSS JOIN LATERAL (
        -- The last one counts: what is well again does not need the failure beside it.
        SELECT last.* FROM broadcast.notices AS last WHERE last.broadcast_id = b.id ORDER BY last.id DESC LIMIT 1
    ) AS n
    WHERE b.client_id = client_notices.client_id AND n.client_id = b.client_id AND n.dismissed_at IS NULL
    ORDER BY n.id DESC
    LIMIT 20;
$$;

COMMENT ON FUNCTION broadcast.client_notices(uuid) IS
'What a client is to be told of its broadcasts and has not put away: the last notice of each, the newest first.';
REVOKE ALL ON FUNCTION broadcast.client_notices(uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.dismiss_notice(notice_id bigint, client_id uuid)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    UPDATE broadcast.notices AS n
    SET dismissed_at = now()
    FROM broadcast.notices AS meant
    WHERE meant.id = dismiss_notice.notice_id AND meant.client_id = dismiss_notice.client_id
        AND n.broadcast_id = meant.broadcast_id AND n.client_id = meant.client_id AND n.id <= meant.id
        AND n.dismissed_at IS NULL;
$$;

COMMENT ON FUNCTION broadcast.dismiss_notice(bigint, uuid) IS
'Puts a client''s notice away, and the earlier ones of its broadcast.';
REVOKE ALL ON FUNCTION broadcast.dismiss_notice(bigint, uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.sending()
RETURNS TABLE (is_on boolean, note text, under_way bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        s.sending,
        s.sending_note,
        (SELECT count(*) FROM broadcast.deliveries AS d WHERE d.finished_at IS NULL AND d.worker IS NOT NULL)
    FROM broadcast.settings AS s;
$$;

COMMENT ON FUNCTION broadcast.sending() IS
'Whether workers take what is due, why not where they do not, and how many broadcasts are being sent now.';
REVOKE ALL ON FUNCTION broadcast.sending() FROM public;

CREATE OR REPLACE FUNCTION broadcast.set_sending(sending boolean, note text DEFAULT NULL)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    UPDATE broadcast.settings AS s
    SET sending = set_sending.sending,
        sending_note = CASE
            WHEN NOT set_sending.sending
                THEN coalesce(nullif(btrim(set_sending.note), ''), format('Switched off by %s.', session_user))
        END;
    -- Workers that wait look at once.
    SELECT pg_notify('broadcast_manager_due', '');
$$;

COMMENT ON FUNCTION broadcast.set_sending(boolean, text) IS
'Has workers take what is due, or nothing more; what they are sending they finish. The note says why it is off.';
REVOKE ALL ON FUNCTION broadcast.set_sending(boolean, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.note_foreign_marks()
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    -- One look at a time: two that wrote the same rows could wait for each other.
    IF NOT pg_try_advisory_xact_lock(hashtextextended('broadcast.foreign_marks', 0)) THEN
        RETURN;
    END IF;
    -- By what we see, and not by updated_at: not every program sets it, nor has every database a trigger that does.
    WITH marked AS (
        SELECT
            b.id,
            b.xmin AS row_version
        FROM public.broadcast_manager AS b
        WHERE b.is_active
            AND b.next_send_time <= now()
            AND b.broadcast_status = 'in_progress'
            AND NOT EXISTS (
                SELECT FROM broadcast.deliveries AS d
                WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.worker IS NOT NULL
            )
    ), gone AS (
        DELETE FROM broadcast.foreign_marks AS f
        WHERE NOT EXISTS (SELECT FROM marked AS m WHERE m.id = f.broadcast_id)
    )
    INSERT INTO broadcast.foreign_marks AS f (broadcast_id, row_version, seen_at)
    SELECT m.id, m.row_version, clock_timestamp()
    FROM marked AS m
    ON CONFLICT ON CONSTRAINT foreign_marks_pkey
    DO UPDATE SET row_version = excluded.row_version, seen_at = excluded.seen_at
    WHERE f.row_version <> excluded.row_version;
END;
$$;

COMMENT ON FUNCTION broadcast.note_foreign_marks() IS
'Notes which broadcasts other programs have marked as being sent; a mark unchanged for a lease counts no more.';
REVOKE ALL ON FUNCTION broadcast.note_foreign_marks() FROM public;

CREATE OR REPLACE FUNCTION broadcast.ends_delivery(error_code text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        ends_delivery.error_code IN ('rate_limited', 'network', 'unauthorized', 'worker_stopped'), FALSE
    );
$$;

COMMENT ON FUNCTION broadcast.ends_delivery(text) IS
'Whether nothing more is sent after this error: it is not the channel''s fault, so it is tried again without counting.';
REVOKE ALL ON FUNCTION broadcast.ends_delivery(text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.is_late(b public.broadcast_manager)
RETURNS boolean
LANGUAGE sql STABLE STRICT
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        b.next_send_time < now() - s.max_lateness
        AND isfinite(b.next_send_time)
        -- Who asked for it by hand still wants it.
        AND NOT broadcast.is_by_hand(b)
        AND NOT EXISTS (
            SELECT FROM broadcast.deliveries AS d
            WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.cause = 'by_hand'
        )
    FROM broadcast.settings AS s;
$$;

COMMENT ON FUNCTION broadcast.is_late(public.broadcast_manager) IS
'Whether a broadcast was due so long ago that it is skipped; never what was asked for by hand.';
REVOKE ALL ON FUNCTION broadcast.is_late(public.broadcast_manager) FROM public;

CREATE OR REPLACE FUNCTION broadcast.skip_late_broadcasts()
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    late public.broadcast_manager;
    skipped integer := 0;
BEGIN
    FOR late IN
        SELECT b.* FROM public.broadcast_manager AS b
        WHERE b.is_active
            AND b.broadcast_status IN ('pending', 'completed', 'failed')
            AND b.next_send_time < now() - (SELECT s.max_lateness FROM broadcast.settings AS s WHERE s.sending)
            AND broadcast.is_late(b)
            AND NOT EXISTS (
                SELECT FROM broadcast.deliveries AS d
                WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.worker IS NOT NULL
            )
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM broadcast.skip_turn(
                late, 'too_late', 'It could not be sent in time, so it was left out: it goes out at its next turn.'
            );
            skipped := skipped + 1;
        EXCEPTION
            -- These pass by themselves.
            WHEN transaction_rollback OR lock_not_available OR insufficient_resources OR operator_intervention THEN
                RAISE;
            -- One broadcast whose row cannot be written must not stop the others.
            WHEN OTHERS THEN
                RAISE WARNING 'the late broadcast % cannot be skipped: %', late.id, SQLERRM;
        END;
    END LOOP;
    RETURN skipped;
END;
$$;

COMMENT ON FUNCTION broadcast.skip_late_broadcasts() IS
'Leaves out what was due longer ago than max_lateness; claim_due_broadcasts() calls it.';
REVOKE ALL ON FUNCTION broadcast.skip_late_broadcasts() FROM public;

CREATE OR REPLACE FUNCTION broadcast.is_outage(error_code text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    settings broadcast.settings;
    since timestamptz;
    failing integer;
    went_out integer;
BEGIN
    SELECT s.* INTO settings FROM broadcast.settings AS s;
    -- What failed before the last outage ended is no sign of another one.
    SELECT greatest(clock_timestamp() - settings.outage_window, o.ended_at) INTO since
    FROM (SELECT max(a.ended_at) AS ended_at FROM broadcast.outage AS a) AS o;
    SELECT count(DISTINCT d.broadcast_id) INTO failing
    FROM broadcast.delivery_parts AS p
    INNER JOIN broadcast.deliveries AS d ON p.delivery_id = d.id
    WHERE p.state = 'failed' AND p.error_code = is_outage.error_code AND p.decided_at > since;
    IF failing >= settings.outage_channels THEN
        -- The latest deliveries are enough for a share, at any length of the history.
        SELECT count(*) INTO went_out
        FROM (SELECT d.outcome, d.finished_at FROM broadcast.deliveries AS d ORDER BY d.id DESC LIMIT 1000) AS last
        WHERE last.outcome = 'sent' AND last.finished_at > since;
        IF failing >= settings.outage_share * (failing + went_out) THEN
            INSERT INTO broadcast.outage AS o (error_code, channels, next_probe_at)
            VALUES (is_outage.error_code, failing, clock_timestamp() + settings.outage_probe_interval)
            ON CONFLICT ON CONSTRAINT outage_pkey DO UPDATE
            SET error_code = excluded.error_code,
                channels = excluded.channels,
                began_at = excluded.began_at,
                next_probe_at = excluded.next_probe_at,
                ended_at = NULL
            WHERE o.ended_at IS NOT NULL;
        END IF;
    END IF;
    RETURN EXISTS (
        SELECT FROM broadcast.outage AS o WHERE o.ended_at IS NULL AND o.error_code = is_outage.error_code
    );
END;
$$;

COMMENT ON FUNCTION broadcast.is_outage(text) IS
'Whether so many channels fail with this error, in number and share, that it is no channel''s fault; it is noted then.';
REVOKE ALL ON FUNCTION broadcast.is_outage(text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.end_outage()
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    WITH ended AS (
        UPDATE broadcast.outage AS o
        SET ended_at = clock_timestamp()
        WHERE o.ended_at IS NULL
        RETURNING o.ended_at
    )

    -- Workers that wait look at once.
    SELECT pg_notify('broadcast_manager_due', '') FROM ended AS e;
$$;

COMMENT ON FUNCTION broadcast.end_outage() IS
'A broadcast went out: sending goes on at its full rate.';
REVOKE ALL ON FUNCTION broadcast.end_outage() FROM public;

CREATE OR REPLACE FUNCTION broadcast.claim_limit(max_count integer)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM broadcast.outage AS o WHERE o.ended_at IS NULL) THEN
        RETURN max_count;
    END IF;
    UPDATE broadcast.outage AS o
    SET next_probe_at = clock_timestamp() + s.outage_probe_interval
    FROM broadcast.settings AS s
    WHERE o.ended_at IS NULL AND o.next_probe_at <= clock_timestamp();
    RETURN CASE WHEN FOUND THEN least(max_count, 1) ELSE 0 END;
END;
$$;

COMMENT ON FUNCTION broadcast.claim_limit(integer) IS
'How many broadcasts a worker may claim that asks for so many: all, or in an outage one now and then.';
REVOKE ALL ON FUNCTION broadcast.claim_limit(integer) FROM public;

CREATE OR REPLACE FUNCTION broadcast.worker_looks(
    process text, version text, bot text, concurrency integer, poll_interval interval
)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    DELETE FROM broadcast.workers AS w
    WHERE w.process IN (
        SELECT s.process FROM broadcast.workers AS s
        WHERE s.last_look < now() - interval '15 minutes'
        FOR UPDATE SKIP LOCKED
    );
    INSERT INTO broadcast.workers AS w (process, version, bot, concurrency, poll_interval)
    VALUES (
        worker_looks.process, worker_looks.version, worker_looks.bot, worker_looks.concurrency,
        worker_looks.poll_interval
    )
    ON CONFLICT ON CONSTRAINT workers_pkey DO UPDATE SET last_look = clock_timestamp(), bot = excluded.bot;
$$;

COMMENT ON FUNCTION broadcast.worker_looks(text, text, text, integer, interval) IS
'A worker looks for what is due; who has not for a quarter of an hour is forgotten.';
REVOKE ALL ON FUNCTION broadcast.worker_looks(text, text, text, integer, interval) FROM public;

CREATE OR REPLACE FUNCTION broadcast.worker_stops(process text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    DELETE FROM broadcast.workers AS w WHERE w.process = worker_stops.process;
$$;

COMMENT ON FUNCTION broadcast.worker_stops(text) IS
'A worker stops, as it was told to.';
REVOKE ALL ON FUNCTION broadcast.worker_stops(text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.claim_due_broadcasts(worker text, max_count integer)
RETURNS TABLE (delivery_id bigint, broadcast_id uuid, client_id uuid)
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT broadcast.skip_late_broadcasts();
    WITH due AS (
        SELECT
            b.id,
            broadcast.finite(b.next_send_time) AS due_at,
            CASE WHEN broadcast.is_by_hand(b) THEN 'by_hand' ELSE 'schedule' END AS cause
        FROM public.broadcast_manager AS b
        WHERE b.is_active
            AND b.next_send_time <= now()
            AND (
                b.broadcast_status IN ('pending', 'completed', 'failed')
                -- Nobody is sending it: another scheduler died, or the row was restored without its delivery.
                OR (
                    b.broadcast_status = 'in_progress'
                    AND EXISTS (
                        SELECT FROM broadcast.foreign_marks AS f
                        CROSS JOIN broadcast.settings AS s
                        WHERE f.broadcast_id = b.id
                            AND f.row_version = b.xmin
                            AND f.seen_at <= clock_timestamp() - s.claim_lease
                    )
                )
            )
            -- One of us is sending it, whatever another program has made of the row meanwhile; or the row was found,
            -- a moment ago, to be one that cannot be claimed.
            AND NOT EXISTS (
                SELECT FROM broadcast.deliveries AS d
                CROSS JOIN broadcast.settings AS s
                WHERE d.broadcast_id = b.id
                    AND d.finished_at IS NULL
                    AND (
                        d.worker IS NOT NULL
                        OR (d.error_code = 'not_claimable' AND d.claimed_at > now() - s.retry_pause)
                    )
            )
            AND broadcast.is_late(b) IS NOT TRUE
            AND (SELECT s.sending FROM broadcast.settings AS s)
            -- While Telegram makes the bot wait, nothing is claimed.
            AND (SELECT s.next_slot FROM broadcast.bot_slot AS s) <= now() + interval '5 seconds'
        ORDER BY b.next_send_time
        LIMIT broadcast.claim_limit(claim_due_broadcasts.max_count)
        FOR NO KEY UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE public.broadcast_manager AS b
        SET broadcast_status = 'in_progress',
            updated_at = now()
        FROM due AS d
        WHERE b.id = d.id
        RETURNING b.id, b.client_id, d.due_at, d.cause
    ), taken AS (
        INSERT INTO broadcast.deliveries AS d (broadcast_id, cause, due_at, worker, claimed_at, lease_until)
        SELECT
            c.id, c.cause, c.due_at,
            claim_due_broadcasts.worker, clock_timestamp(), clock_timestamp() + s.claim_lease
        FROM claimed AS c
        CROSS JOIN broadcast.settings AS s
        -- A delivery that failed in part goes on where it stopped.
        ON CONFLICT (broadcast_id) WHERE finished_at IS NULL
        DO UPDATE SET worker = excluded.worker, claimed_at = excluded.claimed_at, lease_until = excluded.lease_until
        WHERE d.worker IS NULL
        RETURNING d.id, d.broadcast_id
    )
    SELECT t.id, t.broadcast_id, c.client_id
    FROM taken AS t
    INNER JOIN claimed AS c ON t.broadcast_id = c.id;
$$;

COMMENT ON FUNCTION broadcast.claim_due_broadcasts(text, integer) IS
'Gives a worker so many due broadcasts, at most, that no other worker has; it must be heard of again within the lease.';
REVOKE ALL ON FUNCTION broadcast.claim_due_broadcasts(text, integer) FROM public;

CREATE OR REPLACE FUNCTION broadcast.set_aside_unclaimable()
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    due record;
    refused integer := 0;
BEGIN
    FOR due IN
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.is_active AND b.next_send_time <= now()
            -- What a worker has been given is its own.
            AND NOT EXISTS (
                SELECT FROM broadcast.deliveries AS d
                WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.worker IS NOT NULL
            )
        ORDER BY b.next_send_time
        LIMIT 10000
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            UPDATE public.broadcast_manager AS b SET broadcast_status = 'in_progress', updated_at = now()
            WHERE b.id = due.id;
            RAISE EXCEPTION 'it can be claimed' USING ERRCODE = 'BM017';
        EXCEPTION
            WHEN SQLSTATE 'BM017' THEN NULL;
            -- These pass by themselves.
            WHEN transaction_rollback OR lock_not_available OR insufficient_resources OR operator_intervention THEN
                RAISE;
            WHEN OTHERS THEN
                INSERT INTO broadcast.deliveries AS d (broadcast_id, claimed_at, error_code, error_message)
                VALUES (due.id, clock_timestamp(), 'not_claimable', left(SQLSTATE || ' ' || SQLERRM, 500))
                ON CONFLICT (broadcast_id) WHERE finished_at IS NULL
                DO UPDATE SET claimed_at = excluded.claimed_at, error_code = excluded.error_code,
                    error_message = excluded.error_message;
                refused := refused + 1;
        END;
    END LOOP;
    RETURN refused;
END;
$$;

COMMENT ON FUNCTION broadcast.set_aside_unclaimable() IS
'Finds the due broadcasts whose row the database does not let be claimed, so that they do not hold up the others.';
REVOKE ALL ON FUNCTION broadcast.set_aside_unclaimable() FROM public;

CREATE OR REPLACE FUNCTION broadcast.messages_to_delete(delivery_id bigint)
RETURNS TABLE (chat_id text, message_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT p.chat_id, p.message_id
    FROM broadcast.deliveries AS d
    INNER JOIN broadcast.deliveries AS earlier ON d.broadcast_id = earlier.broadcast_id AND earlier.id < d.id
    INNER JOIN broadcast.delivery_parts AS p ON earlier.id = p.delivery_id AND p.state = 'sent' AND p.deleted_at IS NULL
    WHERE d.id = messages_to_delete.delivery_id
    UNION
    -- Sent before there was a history: the chat was not recorded, so today's pair is used.
    SELECT v.chat_id, v.message_id
    FROM broadcast.deliveries AS d
    INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
    CROSS JOIN LATERAL (
        VALUES
            ('open', b.open_channel_id::text, b.last_open_message_id::bigint),
            ('closed', b.closed_channel_id::text, b.last_closed_message_id::bigint)
    ) AS v (part, chat_id, message_id)
    WHERE d.id = messages_to_delete.delivery_id
        AND v.message_id IS NOT NULL
        AND NOT EXISTS (
            SELECT FROM broadcast.deliveries AS e
            INNER JOIN broadcast.delivery_parts AS p ON e.id = p.delivery_id
            WHERE e.broadcast_id = b.id AND p.part = v.part AND p.state = 'sent'
        );
$$;

COMMENT ON FUNCTION broadcast.messages_to_delete(bigint) IS
'The messages of earlier deliveries of the same broadcast that still stand, with the chat they were sent to.';
REVOKE ALL ON FUNCTION broadcast.messages_to_delete(bigint) FROM public;

CREATE OR REPLACE FUNCTION broadcast.record_message_deleted(chat_id text, message_id bigint)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    UPDATE broadcast.delivery_parts AS p
    SET deleted_at = now()
    WHERE p.chat_id = record_message_deleted.chat_id AND p.message_id = record_message_deleted.message_id;
$$;

COMMENT ON FUNCTION broadcast.record_message_deleted(text, bigint) IS
'Notes that a message no longer stands in its chat.';
REVOKE ALL ON FUNCTION broadcast.record_message_deleted(text, bigint) FROM public;

CREATE OR REPLACE FUNCTION broadcast.channel_to_send(delivery_id bigint)
RETURNS TABLE (
    open_channel_id text,
    open_channel_title text,
    open_channel_description text,
    closed_channel_id text,
    closed_channel_title text,
    closed_channel_description text,
    closed_channel_donation_message text,
    sub_1_price numeric,
    sub_1_time bigint,
    sub_2_price numeric,
    sub_2_time bigint,
    sub_3_price numeric,
    sub_3_time bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    problem constant text := (
        SELECT broadcast.channel_problem(c)
        FROM broadcast.deliveries AS d
        INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
        INNER JOIN public.main_clients_database AS c
            ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
        WHERE d.id = channel_to_send.delivery_id
    );
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'the channel cannot be advertised: %', problem USING ERRCODE = 'BM016';
    END IF;
    -- The columns' types differ from database to database; a value that cannot be read fails here, before anything is
    -- deleted or sent.
    RETURN QUERY
    SELECT
        c.open_channel_id::text, c.open_channel_title::text, c.open_channel_description::text,
        c.closed_channel_id::text, c.closed_channel_title::text, c.closed_channel_description::text,
        c.closed_channel_donation_message::text,
        c.sub_1_price::numeric, c.sub_1_time::bigint,
        c.sub_2_price::numeric, c.sub_2_time::bigint,
        c.sub_3_price::numeric, c.sub_3_time::bigint
    FROM broadcast.deliveries AS d
    INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
    INNER JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    WHERE d.id = channel_to_send.delivery_id;
END;
$$;

COMMENT ON FUNCTION broadcast.channel_to_send(bigint) IS
'The channel of a delivery as it is now, from which its messages are made; no row where it was deleted, '
'BM016 where it cannot be advertised.';
REVOKE ALL ON FUNCTION broadcast.channel_to_send(bigint) FROM public;

CREATE OR REPLACE FUNCTION broadcast.intend_part(delivery_id bigint, worker text, part text)
RETURNS TABLE (attempt integer, send_at timestamptz, chat_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    settings broadcast.settings;
    slot timestamptz := clock_timestamp();
    to_chat text;
    number integer;
BEGIN
    SELECT s.* INTO settings FROM broadcast.settings AS s;
    PERFORM FROM broadcast.deliveries AS d
    WHERE d.id = intend_part.delivery_id AND d.worker = intend_part.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN; -- The lease has run out; another worker has the broadcast.
    END IF;
    SELECT CASE intend_part.part WHEN 'open' THEN b.open_channel_id ELSE b.closed_channel_id END INTO to_chat
    FROM broadcast.deliveries AS d
    INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
    WHERE d.id = intend_part.delivery_id;
    IF NOT FOUND THEN
        RETURN; -- The channel was deleted.
    END IF;
    IF EXISTS (
        SELECT FROM broadcast.delivery_parts AS p
        WHERE p.delivery_id = intend_part.delivery_id AND p.part = intend_part.part AND p.state <> 'failed'
    ) THEN
        RETURN;
    END IF;

    IF settings.messages_per_second IS NOT NULL OR settings.chat_interval IS NOT NULL THEN
        -- The lock on this one row also keeps two workers from giving one chat the same time.
        SELECT greatest(bot.next_slot, slot) INTO slot FROM broadcast.bot_slot AS bot FOR UPDATE;
        UPDATE broadcast.bot_slot
        SET next_slot = slot
            + coalesce(interval '1 second' / settings.messages_per_second::double precision, interval '0');
        SELECT greatest(slot, max(p.send_at) + settings.chat_interval) INTO slot
        FROM broadcast.delivery_parts AS p
        WHERE p.chat_id = to_chat AND p.send_at > slot - settings.chat_interval;
    ELSE
        -- Without limits of our own, Telegram's retry_after is still obeyed.
        SELECT greatest(bot.next_slot, slot) INTO slot FROM broadcast.bot_slot AS bot;
    END IF;

    INSERT INTO broadcast.delivery_parts AS new_part (delivery_id, part, attempt, chat_id, send_at)
    SELECT intend_part.delivery_id, intend_part.part, coalesce(max(p.attempt), 0) + 1, to_chat, slot
    FROM broadcast.delivery_parts AS p
    WHERE p.delivery_id = intend_part.delivery_id AND p.part = intend_part.part
    RETURNING new_part.attempt INTO number;
    UPDATE broadcast.deliveries AS d SET lease_until = slot + settings.claim_lease WHERE d.id = intend_part.delivery_id;

    RETURN QUERY SELECT number, slot, to_chat;
END;
$$;

COMMENT ON FUNCTION broadcast.intend_part(bigint, text, text) IS
'Records that a worker is about to send this part; gives where and not before when, or nothing.';
REVOKE ALL ON FUNCTION broadcast.intend_part(bigint, text, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.is_still_claimed(delivery_id bigint, worker text, seconds double precision)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT EXISTS (
        SELECT FROM broadcast.deliveries AS d
        WHERE d.id = is_still_claimed.delivery_id
            AND d.worker = is_still_claimed.worker
            AND d.finished_at IS NULL
            AND d.lease_until > clock_timestamp() + make_interval(secs => is_still_claimed.seconds)
    );
$$;

COMMENT ON FUNCTION broadcast.is_still_claimed(bigint, text, double precision) IS
'Whether a delivery is this worker''s, for so many seconds more at least.';
REVOKE ALL ON FUNCTION broadcast.is_still_claimed(bigint, text, double precision) FROM public;

CREATE OR REPLACE FUNCTION broadcast.record_part(
    delivery_id bigint,
    part text,
    attempt integer,
    outcome text,
    message_id bigint DEFAULT NULL,
    error_code text DEFAULT NULL,
    error_message text DEFAULT NULL,
    retry_after interval DEFAULT NULL
)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
BEGIN
    -- Also after the lease has run out: a known result is better than an unknown one.
    UPDATE broadcast.delivery_parts AS p
    SET state = outcome,
        decided_at = clock_timestamp(),
        message_id = record_part.message_id,
        error_code = record_part.error_code,
        error_message = record_part.error_message
    WHERE p.delivery_id = record_part.delivery_id
        AND p.part = record_part.part
        -- A late record must not touch a later attempt.
        AND p.attempt = record_part.attempt
        AND p.state IN ('intended', 'unknown');
    -- Only when the claim has ended: otherwise finish_broadcast() copies the message's id.
    IF outcome = 'sent' THEN
        UPDATE public.broadcast_manager AS b
        SET last_open_message_id = CASE part WHEN 'open' THEN record_part.message_id ELSE b.last_open_message_id END,
            last_open_message_sent_at = CASE part WHEN 'open' THEN now() ELSE b.last_open_message_sent_at END,
            last_closed_message_id = CASE part
                WHEN 'closed' THEN record_part.message_id
                ELSE b.last_closed_message_id
            END,
            last_closed_message_sent_at = CASE part WHEN 'closed' THEN now() ELSE b.last_closed_message_sent_at END
        FROM broadcast.deliveries AS d
        WHERE d.id = record_part.delivery_id AND d.worker IS NULL AND b.id = d.broadcast_id;
    END IF;
    IF retry_after IS NOT NULL THEN
        UPDATE broadcast.bot_slot AS s SET next_slot = greatest(s.next_slot, clock_timestamp() + retry_after);
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.record_part(bigint, text, integer, text, bigint, text, text, interval) IS
'Records a part''s outcome: sent with its message id, failed with the reason, or unknown; retry_after holds all back.';
REVOKE ALL ON FUNCTION broadcast.record_part(bigint, text, integer, text, bigint, text, text, interval) FROM public;

CREATE OR REPLACE FUNCTION broadcast.note_result(b public.broadcast_manager, result text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    INSERT INTO broadcast.notices (client_id, broadcast_id, kind, message)
    SELECT
        b.client_id, b.id,
        CASE note_result.result WHEN 'sent' THEN 'recovered' ELSE note_result.result END,
        b.last_error_message
    WHERE note_result.result = 'switched_off'
        OR (note_result.result = 'failed' AND b.consecutive_failures = 1)
        OR (
            note_result.result = 'sent' AND (
                SELECT n.kind FROM broadcast.notices AS n WHERE n.broadcast_id = b.id ORDER BY n.id DESC LIMIT 1
            ) <> 'recovered'
        );
$$;

COMMENT ON FUNCTION broadcast.note_result(public.broadcast_manager, text) IS
'Tells the owner of a first failure, of switching off and of recovery, in the transaction that decides it.';
REVOKE ALL ON FUNCTION broadcast.note_result(public.broadcast_manager, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.finish_broadcast(delivery_id bigint, worker text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
DECLARE
    settings broadcast.settings;
    delivery broadcast.deliveries;
    stored public.broadcast_manager;
    found_as public.broadcast_manager;
    attempt broadcast.delivery_parts;
    sent integer := 0;
    unknown integer := 0;
    failure broadcast.delivery_parts;
    result text;
    is_outage boolean;
BEGIN
    SELECT s.* INTO settings FROM broadcast.settings AS s;
    SELECT d.* INTO delivery FROM broadcast.deliveries AS d
    WHERE d.id = finish_broadcast.delivery_id AND d.worker = finish_broadcast.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'lost';
    END IF;
    -- A part that is still intended: its worker could not record what became of it.
    UPDATE broadcast.delivery_parts AS p
    SET state = 'unknown',
        decided_at = clock_timestamp(),
        error_code = 'not_heard_of',
        error_message = 'The worker was not heard of again.'
    WHERE p.delivery_id = delivery.id AND p.state = 'intended';
    SELECT b.* INTO stored FROM public.broadcast_manager AS b WHERE b.id = delivery.broadcast_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        UPDATE broadcast.deliveries AS d
        SET finished_at = now(), outcome = 'channel_gone', worker = NULL, lease_until = NULL
        WHERE d.id = delivery.id;
        RETURN 'channel_gone';
    END IF;
    found_as := stored;

    FOR attempt IN
        SELECT p.* FROM broadcast.delivery_parts AS p WHERE p.delivery_id = delivery.id ORDER BY p.decided_at
    LOOP
        CASE attempt.state
            WHEN 'sent' THEN
                sent := sent + 1;
                IF attempt.part = 'open' THEN
                    stored.last_open_message_id := attempt.message_id;
                    stored.last_open_message_sent_at := attempt.decided_at;
                ELSE
                    stored.last_closed_message_id := attempt.message_id;
                    stored.last_closed_message_sent_at := attempt.decided_at;
                END IF;
            WHEN 'unknown' THEN
                unknown := unknown + 1;
            ELSE
                NULL;
        END CASE;
    END LOOP;

    IF sent + unknown = 2 THEN
        result := CASE unknown WHEN 0 THEN 'sent' ELSE 'unknown' END;
        delivery.outcome := result;
        stored.total_broadcasts := coalesce(stored.total_broadcasts, 0) + 1;
        stored.last_sent_time := now();
        -- A message that may have been sent is not repeated before its next turn.
        stored.next_send_time := broadcast.next_turn(stored.id, now(), now());
        IF unknown = 0 THEN
            stored.broadcast_status := 'completed';
            stored.successful_broadcasts := coalesce(stored.successful_broadcasts, 0) + 1;
            stored.consecutive_failures := 0;
            stored.last_error_message := NULL;
            stored.last_error_time := NULL;
            PERFORM broadcast.end_outage();
        ELSE
            stored.broadcast_status := 'failed';
            stored.last_error_message := 'It is not known whether the message was sent: no answer came.';
            stored.last_error_time := now();
        END IF;
    ELSE
        -- The last attempt of a part that is still to be sent.
        SELECT p.* INTO failure
        FROM broadcast.delivery_parts AS p
        WHERE p.delivery_id = delivery.id AND p.state = 'failed' AND p.decided_at >= delivery.claimed_at
            AND NOT EXISTS (
                SELECT FROM broadcast.delivery_parts AS other
                WHERE other.delivery_id = delivery.id AND other.part = p.part AND other.state <> 'failed'
            )
        ORDER BY p.decided_at DESC
        LIMIT 1;
        IF NOT FOUND OR broadcast.ends_delivery(failure.error_code) THEN
            result := 'released';
            stored.broadcast_status := 'pending';
            stored.next_send_time := now();
        ELSE
            stored.broadcast_status := 'failed';
            stored.total_broadcasts := coalesce(stored.total_broadcasts, 0) + 1;
            stored.failed_broadcasts := coalesce(stored.failed_broadcasts, 0) + 1;
            is_outage := broadcast.is_outage(failure.error_code);
            -- Where many fail alike it is nobody's fault.
            stored.consecutive_failures := coalesce(stored.consecutive_failures, 0) + (NOT is_outage)::integer;
            -- Compared in seconds, because an interval can overflow.
            stored.next_send_time := now() + CASE
                WHEN extract(EPOCH FROM settings.retry_pause) * 2 ^ least(greatest(stored.consecutive_failures - 1, 0), 60)
                    < extract(EPOCH FROM settings.max_retry_pause)
                    THEN settings.retry_pause * 2 ^ greatest(stored.consecutive_failures - 1, 0)
                ELSE settings.max_retry_pause
            END;
            stored.last_error_message := failure.error_message;
            stored.last_error_time := now();
            -- If it was switched off while it was being sent, it stays off, and the reason stays.
            result := CASE
                WHEN stored.is_active AND NOT is_outage
                    AND stored.consecutive_failures >= settings.max_consecutive_failures
                    THEN 'switched_off'
                ELSE 'failed'
            END;
            delivery.outcome := CASE WHEN result = 'switched_off' OR stored.is_active IS NOT TRUE THEN 'failed' END;
        END IF;
    END IF;

    -- Another program has set it anew while it was being sent, by a manual trigger of its own perhaps: that stands.
    IF found_as.broadcast_status IS DISTINCT FROM 'in_progress' THEN
        stored.broadcast_status := found_as.broadcast_status;
        stored.next_send_time := found_as.next_send_time;
    END IF;
    UPDATE broadcast.deliveries AS d
    SET worker = NULL,
        lease_until = NULL,
        finished_at = CASE WHEN delivery.outcome IS NOT NULL THEN now() END,
        outcome = delivery.outcome,
        -- What the database refused before stays known of what has ended.
        error_code = CASE WHEN delivery.outcome IS NOT NULL THEN d.error_code END,
        error_message = CASE WHEN delivery.outcome IS NOT NULL THEN d.error_message END
    WHERE d.id = delivery.id;
    UPDATE public.broadcast_manager AS b
    SET broadcast_status = stored.broadcast_status,
        next_send_time = stored.next_send_time,
        last_sent_time = stored.last_sent_time,
        total_broadcasts = stored.total_broadcasts,
        successful_broadcasts = stored.successful_broadcasts,
        failed_broadcasts = stored.failed_broadcasts,
        consecutive_failures = stored.consecutive_failures,
        last_error_message = stored.last_error_message,
        last_error_time = stored.last_error_time,
        last_open_message_id = stored.last_open_message_id,
        last_open_message_sent_at = stored.last_open_message_sent_at,
        last_closed_message_id = stored.last_closed_message_id,
        last_closed_message_sent_at = stored.last_closed_message_sent_at,
        updated_at = now()
    WHERE b.id = stored.id;
    PERFORM broadcast.note_result(stored, result);
    IF result = 'switched_off' THEN
        PERFORM broadcast.switch_off(stored.id, 'failures');
    END IF;
    RETURN result;
END;
$$;

COMMENT ON FUNCTION broadcast.finish_broadcast(bigint, text) IS
'Ends a worker''s claim by its parts'' outcomes: sent, unknown, failed, switched_off, released, channel_gone or lost.';
REVOKE ALL ON FUNCTION broadcast.finish_broadcast(bigint, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.set_aside(delivery_id bigint, worker text, reason text)
RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    delivery broadcast.deliveries;
    again timestamptz := now() + (SELECT s.retry_pause FROM broadcast.settings AS s);
    problem text;
    code text := 'database_error';
    message text := 'The database does not let this broadcast be sent; an operator must look: ' || set_aside.reason;
BEGIN
    SELECT d.* INTO delivery FROM broadcast.deliveries AS d
    WHERE d.id = set_aside.delivery_id AND d.worker = set_aside.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'lost';
    END IF;
    IF NOT EXISTS (SELECT FROM public.broadcast_manager AS b WHERE b.id = delivery.broadcast_id) THEN
        RETURN broadcast.finish_broadcast(set_aside.delivery_id, set_aside.worker);
    END IF;
    BEGIN
        problem := (
            SELECT broadcast.channel_problem(c)
            FROM public.broadcast_manager AS b
            INNER JOIN public.main_clients_database AS c
                ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
            WHERE b.id = delivery.broadcast_id
        );
    EXCEPTION
        -- What cannot be read is the database's reason.
        WHEN OTHERS THEN NULL;
    END;
    IF problem IS NOT NULL THEN
        -- The owner can mend it and need not wait then, with a manual trigger.
        code := 'not_advertisable';
        message := format('This channel cannot be advertised: %s.', problem);
        again := broadcast.next_turn(delivery.broadcast_id, now(), now());
    END IF;
    UPDATE broadcast.deliveries AS d
    SET worker = NULL,
        lease_until = NULL,
        error_code = code,
        error_message = left(coalesce(problem, set_aside.reason), 500)
    WHERE d.id = delivery.id;
    BEGIN
        UPDATE broadcast.delivery_parts AS p
        SET state = 'unknown',
            decided_at = clock_timestamp(),
            error_code = 'not_heard_of',
            error_message = 'The worker was not heard of again.'
        WHERE p.delivery_id = delivery.id AND p.state = 'intended';
    EXCEPTION
        -- This table may be the one that cannot be written; finish_broadcast() does it then.
        WHEN OTHERS THEN NULL;
    END;
    -- It is nobody's fault who has the channel: it counts as no failure, and never switches the broadcast off.
    BEGIN
        UPDATE public.broadcast_manager AS b
        SET broadcast_status = 'failed',
            next_send_time = again,
            last_error_message = left(message, 500),
            last_error_time = now(),
            updated_at = now()
        WHERE b.id = delivery.broadcast_id;
    EXCEPTION
        -- The reason may be one of these columns. Without the three of the claim nothing would be claimed.
        WHEN OTHERS THEN
            UPDATE public.broadcast_manager AS b
            SET broadcast_status = 'failed',
                next_send_time = again,
                updated_at = now()
            WHERE b.id = delivery.broadcast_id;
    END;
    RETURN code;
END;
$$;

COMMENT ON FUNCTION broadcast.set_aside(bigint, text, text) IS
'Ends a claim that cannot be fulfilled: database_error, tried again after the pause for failures, or '
'not_advertisable, tried again at its next turn; counted as no failure.';
REVOKE ALL ON FUNCTION broadcast.set_aside(bigint, text, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.next_step(
    delivery_id bigint,
    worker text,
    part text DEFAULT NULL,
    attempt integer DEFAULT NULL,
    outcome text DEFAULT NULL,
    message_id bigint DEFAULT NULL,
    error_code text DEFAULT NULL,
    error_message text DEFAULT NULL,
    retry_after interval DEFAULT NULL,
    deleted jsonb DEFAULT NULL
)
RETURNS TABLE (
    ended_as text,
    to_delete jsonb,
    next_part text,
    next_attempt integer,
    send_at timestamptz,
    chat_id text,
    lease_seconds double precision,
    open_channel_id text,
    open_channel_title text,
    open_channel_description text,
    closed_channel_id text,
    closed_channel_title text,
    closed_channel_description text,
    closed_channel_donation_message text,
    sub_1_price numeric,
    sub_1_time bigint,
    sub_2_price numeric,
    sub_2_time bigint,
    sub_3_price numeric,
    sub_3_time bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    channel record;
    nothing_done constant boolean := next_step.part IS NULL AND next_step.deleted IS NULL;
    deletion_failed constant boolean := next_step.part IS NULL AND next_step.error_code IS NOT NULL;
BEGIN
    -- First of all, and also when the lease has run out: what is known is not lost.
    IF next_step.part IS NOT NULL THEN
        PERFORM broadcast.record_part(
            next_step.delivery_id, next_step.part, next_step.attempt, next_step.outcome, next_step.message_id,
            next_step.error_code, next_step.error_message, next_step.retry_after
        );
    END IF;
    PERFORM broadcast.record_message_deleted(m.chat_id, m.message_id)
    FROM jsonb_to_recordset(next_step.deleted) AS m (chat_id text, message_id bigint);

    PERFORM FROM broadcast.deliveries AS d
    WHERE d.id = next_step.delivery_id AND d.worker = next_step.worker AND d.finished_at IS NULL
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        ended_as := 'lost';
        RETURN NEXT;
        RETURN;
    END IF;
    SELECT c.* INTO channel FROM broadcast.channel_to_send(next_step.delivery_id) AS c;
    IF NOT FOUND THEN
        ended_as := broadcast.set_aside(
            next_step.delivery_id, next_step.worker, 'no channel has this broadcast''s pair'
        );
        RETURN NEXT;
        RETURN;
    END IF;

    IF nothing_done THEN
        SELECT jsonb_agg(to_jsonb(m)) INTO to_delete FROM broadcast.messages_to_delete(next_step.delivery_id) AS m;
    END IF;
    IF to_delete IS NULL AND (deletion_failed OR NOT broadcast.ends_delivery(next_step.error_code)) THEN
        FOREACH next_part IN ARRAY CASE next_step.part
            WHEN 'open' THEN ARRAY['closed']
            WHEN 'closed' THEN ARRAY[]::text[]
            ELSE ARRAY['open', 'closed']
        END
        LOOP
            SELECT i.attempt, i.send_at, i.chat_id INTO next_attempt, send_at, chat_id
            FROM broadcast.intend_part(next_step.delivery_id, next_step.worker, next_part) AS i;
            IF next_attempt IS NULL AND NOT nothing_done THEN
                -- This step was taken before, and its answer was lost: the message has not been sent.
                SELECT p.attempt, p.send_at, p.chat_id INTO next_attempt, send_at, chat_id
                FROM broadcast.delivery_parts AS p
                WHERE p.delivery_id = next_step.delivery_id AND p.part = next_part AND p.state = 'intended';
            END IF;
            EXIT WHEN next_attempt IS NOT NULL;
        END LOOP;
    END IF;
    IF deletion_failed AND next_attempt IS NOT NULL THEN
        PERFORM broadcast.record_part(
            next_step.delivery_id, next_part, next_attempt, 'failed', NULL,
            next_step.error_code, next_step.error_message, next_step.retry_after
        );
    END IF;
    IF to_delete IS NULL AND (deletion_failed OR next_attempt IS NULL) THEN
        ended_as := broadcast.finish_broadcast(next_step.delivery_id, next_step.worker);
    END IF;
    RETURN QUERY SELECT
        ended_as, to_delete, next_part, next_attempt, send_at, chat_id,
        (SELECT extract(EPOCH FROM s.claim_lease)::double precision FROM broadcast.settings AS s),
        channel.open_channel_id, channel.open_channel_title, channel.open_channel_description,
        channel.closed_channel_id, channel.closed_channel_title, channel.closed_channel_description,
        channel.closed_channel_donation_message,
        channel.sub_1_price, channel.sub_1_time,
        channel.sub_2_price, channel.sub_2_time,
        channel.sub_3_price, channel.sub_3_time;
END;
$$;

COMMENT ON FUNCTION broadcast.next_step(
    bigint, text, text, integer, text, bigint, text, text, interval, jsonb
) IS
'Records what came of a worker''s last request, and tells the next: messages to delete, a part to send, or the end.';
REVOKE ALL ON FUNCTION broadcast.next_step(
    bigint, text, text, integer, text, bigint, text, text, interval, jsonb
) FROM public;

CREATE OR REPLACE FUNCTION broadcast.release_expired_claims()
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    delivery broadcast.deliveries;
    released integer := 0;
BEGIN
    FOR delivery IN
        SELECT d.* FROM broadcast.deliveries AS d
        WHERE d.finished_at IS NULL AND d.lease_until < clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            PERFORM broadcast.finish_broadcast(delivery.id, delivery.worker);
            released := released + 1;
        EXCEPTION
            -- These pass by themselves.
            WHEN transaction_rollback OR lock_not_available OR insufficient_resources OR operator_intervention THEN
                RAISE;
            -- One broadcast whose row cannot be written (its counter is full, say) must not stop the others.
            WHEN OTHERS THEN
                RAISE WARNING 'the claim on broadcast % cannot be ended: %', delivery.broadcast_id, SQLERRM;
                PERFORM broadcast.set_aside(delivery.id, delivery.worker, SQLSTATE || ' ' || SQLERRM);
        END;
    END LOOP;
    RETURN released;
END;
$$;

COMMENT ON FUNCTION broadcast.release_expired_claims() IS
'Gives back what silent workers had claimed; a part that one of them was about to send is unknown from then on.';
REVOKE ALL ON FUNCTION broadcast.release_expired_claims() FROM public;

CREATE OR REPLACE FUNCTION broadcast.forget_old_deliveries()
RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    -- Reasons of broadcasts that are on again or gone.
    DELETE FROM broadcast.switched_off AS s
    WHERE NOT EXISTS (
        SELECT FROM public.broadcast_manager AS b
        WHERE b.id = s.broadcast_id AND b.is_active IS NOT TRUE
    );
    DELETE FROM broadcast.schedules AS s
    WHERE NOT EXISTS (SELECT FROM public.broadcast_manager AS b WHERE b.id = s.broadcast_id);
    DELETE FROM broadcast.notices AS n
    USING broadcast.settings AS s
    WHERE n.noted_at < now() - s.history_kept;
    WITH forgotten AS (
        DELETE FROM broadcast.deliveries AS d
        USING broadcast.settings AS s
        WHERE d.finished_at < now() - s.history_kept
            -- A message that is still in its chat must be deleted before the next one is sent, so its delivery is kept.
            AND NOT EXISTS (
                SELECT FROM broadcast.delivery_parts AS p
                INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
                WHERE p.delivery_id = d.id AND p.state = 'sent' AND p.deleted_at IS NULL
            )
        RETURNING d.id
    )
    SELECT count(*) FROM forgotten;
$$;

COMMENT ON FUNCTION broadcast.forget_old_deliveries() IS
'Deletes finished deliveries and notices older than the settings keep them, except deliveries whose messages are still '
'to be replaced.';
REVOKE ALL ON FUNCTION broadcast.forget_old_deliveries() FROM public;

CREATE OR REPLACE FUNCTION broadcast.channel_problem(c public.main_clients_database)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN btrim(c.closed_channel_donation_message::text) <> '' IS NOT TRUE THEN 'it has no donation message'
        WHEN (
            (c.sub_1_price::numeric > 0 AND c.sub_1_price::numeric < 'Infinity' AND c.sub_1_time::bigint > 0)
            OR (c.sub_2_price::numeric > 0 AND c.sub_2_price::numeric < 'Infinity' AND c.sub_2_time::bigint > 0)
            OR (c.sub_3_price::numeric > 0 AND c.sub_3_price::numeric < 'Infinity' AND c.sub_3_time::bigint > 0)
        ) IS NOT TRUE THEN 'it has no tier with a price and a number of days'
    END;
$$;

COMMENT ON FUNCTION broadcast.channel_problem(public.main_clients_database) IS
'Why a channel cannot be advertised, as the end of a sentence; NULL where it can.';
REVOKE ALL ON FUNCTION broadcast.channel_problem(public.main_clients_database) FROM public;

CREATE OR REPLACE FUNCTION broadcast.currency_network_pairs()
RETURNS TABLE (currency text, network text, currency_name text, network_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Another service's table: what may not be read is no list.
    IF has_table_privilege(to_regclass('public.currency_to_network'), 'SELECT') IS NOT TRUE THEN
        RETURN;
    END IF;
    -- By way of JSON: the columns have any types, and those of the names may be missing.
    RETURN QUERY EXECUTE $query$
        SELECT
            t.pair ->> 'currency',
            t.pair ->> 'network',
            coalesce(max(t.pair ->> 'currency_name'), t.pair ->> 'currency'),
            coalesce(max(t.pair ->> 'network_name'), t.pair ->> 'network')
        FROM (SELECT to_jsonb(c) AS pair FROM public.currency_to_network AS c) AS t
        WHERE t.pair ->> 'currency' <> '' AND t.pair ->> 'network' <> ''
        GROUP BY t.pair ->> 'currency', t.pair ->> 'network'
    $query$;
END;
$$;

COMMENT ON FUNCTION broadcast.currency_network_pairs() IS
'The pairs of the platform''s table currency_to_network, a missing name being the code; no rows where it is not there.';
REVOKE ALL ON FUNCTION broadcast.currency_network_pairs() FROM public;

CREATE OR REPLACE FUNCTION broadcast.currency_network_mappings()
RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH
    listed AS (
        SELECT p.* FROM broadcast.currency_network_pairs() AS p
    ),
    -- The labels of the two columns' types, where both are enums: nothing says which go together.
    labels AS (
        SELECT
            a.attname,
            e.enumlabel::text AS label
        FROM pg_attribute AS a
        INNER JOIN pg_type AS t ON a.atttypid = t.oid
        INNER JOIN pg_enum AS e ON e.enumtypid IN (t.oid, t.typbasetype)
        WHERE a.attrelid = 'public.main_clients_database'::regclass
            AND a.attname IN ('client_payout_currency', 'client_payout_network')
    ),
    enums AS (
        SELECT
            c.label AS currency,
            n.label AS network,
            c.label AS currency_name,
            n.label AS network_name
        FROM labels AS c CROSS JOIN labels AS n
        WHERE c.attname = 'client_payout_currency' AND n.attname = 'client_payout_network'
            AND NOT EXISTS (SELECT FROM listed)
    ),
    -- What clients have typed: shown to everyone, so only what looks like a code. Everyone may ask, without a login: to
    -- read all channels each time would be dear.
    used AS (
        SELECT DISTINCT
            c.client_payout_currency::text AS currency,
            c.client_payout_network::text AS network,
            c.client_payout_currency::text AS currency_name,
            c.client_payout_network::text AS network_name
        FROM (
            SELECT m.client_payout_currency, m.client_payout_network
            FROM public.main_clients_database AS m
            WHERE NOT EXISTS (SELECT FROM listed) AND NOT EXISTS (SELECT FROM enums)
            LIMIT 1000
        ) AS c
        WHERE c.client_payout_currency::text ~ '^[A-Za-z0-9._-]{1,20}$'
            AND c.client_payout_network::text ~ '^[A-Za-z0-9._-]{1,20}$'
    ),
    pairs AS (
        SELECT * FROM listed
        UNION ALL
        SELECT * FROM enums
        UNION ALL
        SELECT * FROM used
    )
    SELECT json_build_object(
        'network_to_currencies', (
            SELECT coalesce(json_object_agg(p.network, p.currencies ORDER BY p.network), '{}')
            FROM (
                SELECT
                    p.network,
                    json_agg(
                        json_build_object('currency', p.currency, 'currency_name', p.currency_name)
                        ORDER BY p.currency
                    ) AS currencies
                FROM pairs AS p
                GROUP BY p.network
            ) AS p
        ),
        'currency_to_networks', (
            SELECT coalesce(json_object_agg(p.currency, p.networks ORDER BY p.currency), '{}')
            FROM (
                SELECT
                    p.currency,
                    json_agg(
                        json_build_object('network', p.network, 'network_name', p.network_name)
                        ORDER BY p.network
                    ) AS networks
                FROM pairs AS p
                GROUP BY p.currency
            ) AS p
        ),
        'networks_with_names', (
            SELECT coalesce(json_object_agg(p.network, p.name ORDER BY p.network), '{}')
            FROM (SELECT p.network, max(p.network_name) AS name FROM pairs AS p GROUP BY p.network) AS p
        ),
        'currencies_with_names', (
            SELECT coalesce(json_object_agg(p.currency, p.name ORDER BY p.currency), '{}')
            FROM (SELECT p.currency, max(p.currency_name) AS name FROM pairs AS p GROUP BY p.currency) AS p
        )
    );
$$;

COMMENT ON FUNCTION broadcast.currency_network_mappings() IS
'Which currencies and networks go together: the platform''s table, else the two enums, else what 1000 channels use.';
REVOKE ALL ON FUNCTION broadcast.currency_network_mappings() FROM public;

CREATE OR REPLACE FUNCTION broadcast.checked_channel(channel public.main_clients_database, fields jsonb)
RETURNS public.main_clients_database
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before constant public.main_clients_database := channel;
    is_new constant boolean := channel.client_id IS NULL;
    tiers constant text := fields ->> 'tier_count';
    telegram_channel_id constant text := '^-100[0-9]{6,10}$';
    field text;
    last_tier integer;
    price numeric;
    days integer;
    problems jsonb := '{}';
BEGIN
    IF jsonb_typeof(fields) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a channel is a JSON object' USING ERRCODE = '22023';
    END IF;
    -- What nobody may set by hand stays as it is.
    fields := fields - ARRAY['id', 'client_id', 'created_by', 'updated_at', 'payout_threshold_updated_at'];
    IF tiers IN ('1', '2') THEN
        fields := fields || '{"sub_3_price": null, "sub_3_time": null}';
    END IF;
    IF tiers = '1' THEN
        fields := fields || '{"sub_2_price": null, "sub_2_time": null}';
    END IF;

    -- Each value takes the type that its column has in this database: varchar or text, enum or text.
    BEGIN
        channel := jsonb_populate_record(channel, fields);
    EXCEPTION WHEN data_exception THEN
        FOR field IN SELECT jsonb_object_keys(fields) LOOP
            BEGIN
                PERFORM jsonb_populate_record(channel, jsonb_build_object(field, fields -> field));
            EXCEPTION WHEN data_exception THEN
                problems := problems || jsonb_build_object(field, SQLERRM);
            END;
        END LOOP;
        channel := jsonb_populate_record(
            channel, fields - ARRAY(SELECT jsonb_object_keys(problems))
        );
    END;

    -- numeric knows NaN, which is above every price.
    problems := problems || (
        SELECT coalesce(jsonb_object_agg(n.field, 'must be a number'), '{}')
        FROM (
            VALUES ('sub_1_price', channel.sub_1_price), ('sub_2_price', channel.sub_2_price), ('sub_3_price', channel.sub_3_price),
                ('payout_threshold_usd', channel.payout_threshold_usd)
        ) AS n (field, value)
        WHERE fields ? n.field AND n.value = 'NaN'
    );

    -- Asked of what changes only: a channel that was registered under other rules can still be edited.
    IF (is_new OR channel.open_channel_id IS DISTINCT FROM before.open_channel_id)
        AND coalesce(channel.open_channel_id, '') !~ telegram_channel_id
    THEN
        problems := '{"open_channel_id": "must begin with -100 and have 10 to 14 characters"}' || problems;
    END IF;
    IF (is_new OR channel.closed_channel_id IS DISTINCT FROM before.closed_channel_id)
        AND coalesce(channel.closed_channel_id, '') !~ telegram_channel_id
    THEN
        problems := '{"closed_channel_id": "must begin with -100 and have 10 to 14 characters"}' || problems;
    ELSIF channel.open_channel_id = channel.closed_channel_id AND (
        is_new OR channel.open_channel_id IS DISTINCT FROM before.open_channel_id
        OR channel.closed_channel_id IS DISTINCT FROM before.closed_channel_id
    ) THEN
        problems := '{"closed_channel_id": "must differ from the open channel''s"}' || problems;
    END IF;
    IF (is_new OR channel.closed_channel_donation_message IS DISTINCT FROM before.closed_channel_donation_message)
        AND length(btrim(coalesce(channel.closed_channel_donation_message, ''), E' \t\r\n')) NOT BETWEEN 10 AND 256
    THEN
        problems := '{"closed_channel_donation_message": "must have 10 to 256 characters, blanks around it not counted"}'
            || problems;
    END IF;
    IF tiers NOT IN ('1', '2', '3') THEN
        problems := '{"tier_count": "must be 1, 2 or 3"}' || problems;
    END IF;
    IF (is_new OR channel.payout_strategy IS DISTINCT FROM before.payout_strategy)
        AND coalesce(channel.payout_strategy, '') NOT IN ('instant', 'threshold')
    THEN
        problems := '{"payout_strategy": "must be instant or threshold"}' || problems;
    END IF;
    IF (
        is_new OR channel.payout_strategy IS DISTINCT FROM before.payout_strategy
        OR channel.payout_threshold_usd IS DISTINCT FROM before.payout_threshold_usd
    ) AND channel.payout_strategy = 'threshold' AND coalesce(channel.payout_threshold_usd, 0) <= 0
    THEN
        problems := '{"payout_threshold_usd": "must be above 0 with the payout strategy threshold"}' || problems;
    END IF;
    IF (
        is_new OR channel.notification_status IS DISTINCT FROM before.notification_status
        OR channel.notification_id IS DISTINCT FROM before.notification_id
    ) AND channel.notification_status::boolean
        AND coalesce(channel.notification_id::bigint, 0) NOT BETWEEN 10000 AND 999999999999999
    THEN
        problems := '{"notification_id": "must have 5 to 15 digits when notifications are on"}' || problems;
    END IF;

    IF (
        is_new OR channel.client_payout_currency IS DISTINCT FROM before.client_payout_currency
        OR channel.client_payout_network IS DISTINCT FROM before.client_payout_network
    ) AND EXISTS (SELECT FROM broadcast.currency_network_pairs()) THEN
        IF NOT EXISTS (
            SELECT FROM broadcast.currency_network_pairs() AS p WHERE p.currency = channel.client_payout_currency::text
        ) THEN
            problems := '{"client_payout_currency": "is none of the currencies that are paid out"}' || problems;
        ELSIF NOT EXISTS (
            SELECT FROM broadcast.currency_network_pairs() AS p
            WHERE p.currency = channel.client_payout_currency::text AND p.network = channel.client_payout_network::text
        ) THEN
            problems := '{"client_payout_network": "is none of the networks on which this currency is paid out"}'
                || problems;
        END IF;
    END IF;

    -- A tier is a price and a number of days; none is left out between two.
    last_tier := CASE
        WHEN tiers IN ('1', '2', '3') THEN tiers::integer
        WHEN num_nonnulls(channel.sub_3_price, channel.sub_3_time) > 0 THEN 3
        WHEN num_nonnulls(channel.sub_2_price, channel.sub_2_time) > 0 THEN 2
        ELSE 1
    END;
    FOR tier IN 1..last_tier LOOP
        price := (ARRAY[channel.sub_1_price, channel.sub_2_price, channel.sub_3_price])[tier];
        days := (ARRAY[channel.sub_1_time, channel.sub_2_time, channel.sub_3_time])[tier];
        CONTINUE WHEN price > 0 AND days > 0;
        CONTINUE WHEN NOT is_new AND tiers IS NULL
            AND price IS NOT DISTINCT FROM (ARRAY[before.sub_1_price, before.sub_2_price, before.sub_3_price])[tier]
            AND days IS NOT DISTINCT FROM (ARRAY[before.sub_1_time, before.sub_2_time, before.sub_3_time])[tier];
        problems := jsonb_strip_nulls(jsonb_build_object(
            format('sub_%s_price', tier),
            CASE WHEN coalesce(price, 0) <= 0 THEN format('must be above 0: tier %s needs a price', tier) END,
            format('sub_%s_time', tier),
            CASE WHEN coalesce(days, 0) <= 0 THEN format('must be above 0: tier %s needs a number of days', tier) END
        )) || problems;
    END LOOP;

    IF problems <> '{}' THEN
        RAISE EXCEPTION 'the channel''s fields are not valid'
        USING ERRCODE = 'BM006', DETAIL = problems::text, HINT = 'The detail names each field with what it must be.';
    END IF;
    IF channel.payout_threshold_usd IS DISTINCT FROM before.payout_threshold_usd THEN
        channel.payout_threshold_updated_at := now();
    END IF;
    RETURN channel;
END;
$$;

COMMENT ON FUNCTION broadcast.checked_channel(public.main_clients_database, jsonb) IS
'The channel with these fields changed, each in its column''s type; BM006 names every field that is wrong.';
REVOKE ALL ON FUNCTION broadcast.checked_channel(public.main_clients_database, jsonb) FROM public;

CREATE OR REPLACE FUNCTION broadcast.own_channel(client_id uuid, open_channel_id text, closed_channel_id text)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    own text [];
    others bigint;
BEGIN
    SELECT array_agg(c.closed_channel_id::text) FILTER (WHERE c.client_id = own_channel.client_id), count(*)
    INTO own, others
    FROM public.main_clients_database AS c
    WHERE c.open_channel_id = own_channel.open_channel_id
        AND (own_channel.closed_channel_id IS NULL OR c.closed_channel_id = own_channel.closed_channel_id);
    IF cardinality(own) = 1 THEN
        RETURN own[1];
    ELSIF cardinality(own) > 1 THEN
        RAISE EXCEPTION 'several channels have the open channel id %', open_channel_id
        USING ERRCODE = 'BM009',
            DETAIL = to_jsonb(own)::text,
            HINT = 'Give the closed channel''s id as well: the detail lists them.';
    ELSIF others > 0 THEN
        RAISE EXCEPTION 'channel % belongs to another client', open_channel_id USING ERRCODE = 'BM008';
    END IF;
    RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
END;
$$;

COMMENT ON FUNCTION broadcast.own_channel(uuid, text, text) IS
'The closed channel id of the client''s one channel with this open id, and this closed id where one is given.';
REVOKE ALL ON FUNCTION broadcast.own_channel(uuid, text, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.moment_of(first_send text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    moment timestamptz;
BEGIN
    BEGIN
        -- PostgreSQL knows more: tomorrow, infinity.
        moment := CASE WHEN first_send ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]' THEN broadcast.finite(first_send::timestamptz) END;
    EXCEPTION WHEN data_exception THEN NULL;
    END;
    IF moment IS NULL THEN
        RAISE EXCEPTION 'the moment of the first send is not valid'
        USING ERRCODE = 'BM006',
            DETAIL = '{"first_send": "must be next_turn or a moment such as 2026-12-01T09:00:00Z"}';
    END IF;
    RETURN moment;
END;
$$;

COMMENT ON FUNCTION broadcast.moment_of(text) IS
'The moment that register_channel() is given for the first send, in UTC where it names no zone; BM006 if it is none.';
REVOKE ALL ON FUNCTION broadcast.moment_of(text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.register_channel(client_id uuid, created_by text, channel jsonb)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
AS $$
DECLARE
    defaults public.main_clients_database;
    checked public.main_clients_database;
    made uuid;
    first_send constant text := channel ->> 'first_send';
    first_time timestamptz;
    max_channels constant integer := (SELECT s.max_channels_per_client FROM broadcast.settings AS s);
BEGIN
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        -- It would count what was there before the wait for the owner's row.
        RAISE EXCEPTION 'register_channel() cannot hold the limit in REPEATABLE READ'
        USING ERRCODE = '0A000', HINT = 'Use READ COMMITTED or SERIALIZABLE.';
    END IF;
    defaults.payout_strategy := 'instant';
    defaults.notification_status := false;
    checked := broadcast.checked_channel(defaults, channel);

    -- One registration of a client after the other, so that each counts those before it.
    PERFORM FROM public.registered_users AS u WHERE u.user_id = register_channel.client_id FOR NO KEY UPDATE;
    IF (
        SELECT count(*) FROM public.main_clients_database AS c WHERE c.client_id = register_channel.client_id
    ) >= max_channels THEN
        RAISE EXCEPTION 'a client can have % channels', max_channels
        USING ERRCODE = 'BM001', DETAIL = jsonb_build_object('max_channels', max_channels)::text,
            HINT = 'Delete a channel first, or raise max_channels_per_client in broadcast.settings.';
    END IF;

    INSERT INTO public.main_clients_database (
        open_channel_id, open_channel_title, open_channel_description,
        closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
        sub_1_price, sub_1_time, sub_2_price, sub_2_time, sub_3_price, sub_3_time,
        client_wallet_address, client_payout_currency, client_payout_network,
        payout_strategy, payout_threshold_usd, payout_threshold_updated_at,
        client_id, created_by, notification_status, notification_id
    )
    VALUES (
        checked.open_channel_id, checked.open_channel_title, checked.open_channel_description,
        checked.closed_channel_id, checked.closed_channel_title, checked.closed_channel_description,
        checked.closed_channel_donation_message,
        checked.sub_1_price, checked.sub_1_time, checked.sub_2_price, checked.sub_2_time,
        checked.sub_3_price, checked.sub_3_time,
        checked.client_wallet_address, checked.client_payout_currency, checked.client_payout_network,
        checked.payout_strategy, checked.payout_threshold_usd, checked.payout_threshold_updated_at,
        register_channel.client_id, register_channel.created_by, checked.notification_status, checked.notification_id
    );
    SELECT b.id INTO made FROM public.broadcast_manager AS b
    WHERE b.open_channel_id = checked.open_channel_id AND b.closed_channel_id = checked.closed_channel_id;
    IF jsonb_typeof(channel -> 'schedule') = 'object' THEN
        PERFORM broadcast.store_schedule(made, channel -> 'schedule');
    END IF;
    -- Without a word on it, it is due at once, as every other client's is.
    IF first_send IS NOT NULL THEN
        first_time := CASE first_send
            WHEN 'next_turn' THEN broadcast.next_turn(made, now(), now())
            ELSE greatest(broadcast.moment_of(first_send), now())
        END;
        UPDATE public.broadcast_manager AS b SET next_send_time = first_time WHERE b.id = made;
    END IF;
    RETURN made;
END;
$$;

COMMENT ON FUNCTION broadcast.register_channel(uuid, text, jsonb) IS
'Registers a channel for a client, within the limit, and gives the broadcast_id that the database made for it. With '
'schedule as store_schedule() takes it, and first_send: next_turn or a moment; due at once where it is not given.';
REVOKE ALL ON FUNCTION broadcast.register_channel(uuid, text, jsonb) FROM public;

CREATE OR REPLACE FUNCTION broadcast.update_channel(
    client_id uuid, open_channel_id text, closed_channel_id text, changes jsonb
)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    own_closed_channel_id constant text := broadcast.own_channel(client_id, open_channel_id, closed_channel_id);
    changed public.main_clients_database;
BEGIN
    SELECT c.* INTO changed FROM public.main_clients_database AS c
    WHERE c.client_id = update_channel.client_id
        AND c.open_channel_id = update_channel.open_channel_id AND c.closed_channel_id = own_closed_channel_id
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
    END IF;
    changed := broadcast.checked_channel(changed, changes);
    UPDATE public.main_clients_database AS c
    SET open_channel_id = changed.open_channel_id,
        open_channel_title = changed.open_channel_title,
        open_channel_description = changed.open_channel_description,
        closed_channel_id = changed.closed_channel_id,
        closed_channel_title = changed.closed_channel_title,
        closed_channel_description = changed.closed_channel_description,
        closed_channel_donation_message = changed.closed_channel_donation_message,
        sub_1_price = changed.sub_1_price,
        sub_1_time = changed.sub_1_time,
        sub_2_price = changed.sub_2_price,
        sub_2_time = changed.sub_2_time,
        sub_3_price = changed.sub_3_price,
        sub_3_time = changed.sub_3_time,
        client_wallet_address = changed.client_wallet_address,
        client_payout_currency = changed.client_payout_currency,
        client_payout_network = changed.client_payout_network,
        payout_strategy = changed.payout_strategy,
        payout_threshold_usd = changed.payout_threshold_usd,
        payout_threshold_updated_at = changed.payout_threshold_updated_at,
        notification_status = changed.notification_status,
        notification_id = changed.notification_id,
        updated_at = now()
    WHERE c.open_channel_id = update_channel.open_channel_id AND c.closed_channel_id = own_closed_channel_id;
    RETURN (
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = changed.open_channel_id AND b.closed_channel_id = changed.closed_channel_id
    );
END;
$$;

COMMENT ON FUNCTION broadcast.update_channel(uuid, text, text, jsonb) IS
'Changes the given fields of a client''s channel; gives its broadcast_id, which stays when the pair changes.';
REVOKE ALL ON FUNCTION broadcast.update_channel(uuid, text, text, jsonb) FROM public;

CREATE OR REPLACE FUNCTION broadcast.delete_channel(client_id uuid, open_channel_id text, closed_channel_id text)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    own_closed_channel_id constant text := broadcast.own_channel(client_id, open_channel_id, closed_channel_id);
    broadcast_id constant uuid := (
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = delete_channel.open_channel_id AND b.closed_channel_id = own_closed_channel_id
    );
BEGIN
    DELETE FROM public.main_clients_database AS c
    WHERE c.client_id = delete_channel.client_id
        AND c.open_channel_id = delete_channel.open_channel_id AND c.closed_channel_id = own_closed_channel_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
    END IF;
    RETURN broadcast_id;
END;
$$;

COMMENT ON FUNCTION broadcast.delete_channel(uuid, text, text) IS
'Deletes a client''s channel; gives the broadcast_id of the row that the database removed with it.';
REVOKE ALL ON FUNCTION broadcast.delete_channel(uuid, text, text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.client_channels(
    client_id uuid,
    sort text DEFAULT 'newest',
    open_channel_ids text [] DEFAULT NULL,
    closed_channel_ids text [] DEFAULT NULL
)
RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Some copies have times without a zone, in UTC.
SET timezone = 'UTC'
AS $$
    SELECT json_build_object(
        'channels', coalesce(
            json_agg(
                shown ORDER BY
                    CASE client_channels.sort WHEN 'title' THEN shown.open_channel_title END,
                    CASE client_channels.sort WHEN 'oldest' THEN to_jsonb(c) -> 'id' END,
                    to_jsonb(c) -> 'id' DESC,
                    shown.open_channel_id,
                    shown.closed_channel_id
            ),
            '[]'
        ),
        'count', count(*),
        'max_channels', (SELECT s.max_channels_per_client FROM broadcast.settings AS s)
    )
    FROM public.main_clients_database AS c
    LEFT JOIN public.broadcast_manager AS b
        ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
    CROSS JOIN LATERAL (
        SELECT
            c.open_channel_id::text AS open_channel_id,
            c.open_channel_title::text AS open_channel_title,
            c.open_channel_description::text AS open_channel_description,
            c.closed_channel_id::text AS closed_channel_id,
            c.closed_channel_title::text AS closed_channel_title,
            c.closed_channel_description::text AS closed_channel_description,
            c.closed_channel_donation_message::text AS closed_channel_donation_message,
            num_nonnulls(c.sub_1_price, c.sub_2_price, c.sub_3_price) AS tier_count,
            CASE WHEN abs(c.sub_1_price::numeric) < 'Infinity' THEN c.sub_1_price::numeric END AS sub_1_price,
            c.sub_1_time::bigint AS sub_1_time,
            CASE WHEN abs(c.sub_2_price::numeric) < 'Infinity' THEN c.sub_2_price::numeric END AS sub_2_price,
            c.sub_2_time::bigint AS sub_2_time,
            CASE WHEN abs(c.sub_3_price::numeric) < 'Infinity' THEN c.sub_3_price::numeric END AS sub_3_price,
            c.sub_3_time::bigint AS sub_3_time,
            c.client_wallet_address::text AS client_wallet_address,
            c.client_payout_currency::text AS client_payout_currency,
            c.client_payout_network::text AS client_payout_network,
            c.payout_strategy::text AS payout_strategy,
            CASE
                WHEN abs(c.payout_threshold_usd::numeric) < 'Infinity' THEN c.payout_threshold_usd::numeric
            END AS payout_threshold_usd,
            -- A column that some copies have: what has come together for the next payout.
            CASE
                WHEN jsonb_typeof(to_jsonb(c) -> 'accumulated_amount') = 'number' THEN to_jsonb(c) -> 'accumulated_amount'
            END AS accumulated_amount,
            broadcast.finite(c.payout_threshold_updated_at) AS payout_threshold_updated_at,
            c.client_id,
            c.created_by::text AS created_by,
            broadcast.finite(c.updated_at) AS updated_at,
            c.notification_status::boolean AS notification_status,
            c.notification_id::text AS notification_id,
            broadcast.channel_problem(c) AS problem,
            b.id AS broadcast_id,
            CASE WHEN b.id IS NOT NULL THEN broadcast.broadcast_state(b) END AS state,
            CASE WHEN b.id IS NOT NULL THEN broadcast.off_reason(b) END AS off_reason,
            CASE WHEN b.id IS NOT NULL THEN coalesce(broadcast.retry_after_seconds(b), 0) END AS retry_after_seconds,
            b.is_active,
            broadcast.finite(b.next_send_time) AS next_send_time,
            broadcast.finite(b.last_sent_time) AS last_sent_time,
            b.total_broadcasts::bigint AS total_broadcasts,
            b.successful_broadcasts::bigint AS successful_broadcasts,
            b.failed_broadcasts::bigint AS failed_broadcasts,
            b.consecutive_failures::bigint AS consecutive_failures,
            b.last_error_message::text AS last_error_message,
            broadcast.finite(b.last_error_time) AS last_error_time,
            broadcast.finite(b.last_manual_trigger_time) AS last_manual_trigger_time
    ) AS shown
    WHERE c.client_id = client_channels.client_id
        AND (
            client_channels.open_channel_ids IS NULL
            OR (c.open_channel_id::text, c.closed_channel_id::text) IN (
                SELECT
                    p.open_channel_id,
                    p.closed_channel_id
                FROM unnest(client_channels.open_channel_ids, client_channels.closed_channel_ids)
                    AS p (open_channel_id, closed_channel_id)
            )
        );
$$;

COMMENT ON FUNCTION broadcast.client_channels(uuid, text, text [], text []) IS
'A client''s channels with their broadcasts, and how many there may be, as JSON; sort is newest, oldest or title. With '
'the two arrays, whose places go together, only the channels of these pairs.';
REVOKE ALL ON FUNCTION broadcast.client_channels(uuid, text, text [], text []) FROM public;

CREATE OR REPLACE FUNCTION broadcast.channel_page(
    client_id uuid,
    search text DEFAULT '',
    state text DEFAULT '',
    sort text DEFAULT 'attention',
    after text [] DEFAULT NULL,
    before text [] DEFAULT NULL,
    open_channel_id text DEFAULT NULL,
    closed_channel_id text DEFAULT NULL,
    page_size integer DEFAULT 50
)
RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
-- Compiling takes longer than a thousand channels.
SET jit = off
AS $$
    WITH own AS MATERIALIZED (
        SELECT
            c.open_channel_id::text AS open_id,
            c.closed_channel_id::text AS closed_id,
            lower(coalesce(c.open_channel_title, c.open_channel_id)) AS name,
            lower(concat_ws(
                E'\n', c.open_channel_title, c.closed_channel_title, c.open_channel_id, c.closed_channel_id
            )) AS words,
            b.next_send_time,
            broadcast.channel_problem(c) IS NOT NULL AS has_problem,
            CASE WHEN b.is_active IS NOT TRUE AND b.id IS NOT NULL THEN broadcast.off_reason(b) END AS off_reason,
            CASE WHEN b.id IS NOT NULL THEN broadcast.broadcast_state(b) ELSE 'none' END AS state
        FROM public.main_clients_database AS c
        LEFT JOIN public.broadcast_manager AS b
            ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id
        WHERE c.client_id = channel_page.client_id
    ), found AS MATERIALIZED (
        SELECT
            o.*,
            CASE channel_page.sort
                WHEN 'title' THEN ''
                WHEN 'next' THEN
                    CASE
                        WHEN o.off_reason IS NULL AND isfinite(o.next_send_time)
                            THEN to_char(o.next_send_time, 'YYYYMMDDHH24MISSUS')
                        ELSE '9'
                    END
                ELSE
                    CASE
                        WHEN o.state = 'none' OR o.off_reason = 'failures' THEN '0'
                        WHEN o.state IN ('failed', 'unknown') OR o.has_problem THEN '1'
                        WHEN o.state = 'skipped' OR o.off_reason IS NOT NULL THEN '2'
                        WHEN o.state IN ('sending', 'queued') THEN '3'
                        ELSE '4'
                    END
            END COLLATE "C" AS rank
        FROM own AS o
        WHERE position(lower(btrim(channel_page.search)) IN o.words) > 0
    ), counts AS (
        SELECT
            f.state,
            count(*) AS count
        FROM found AS f
        GROUP BY f.state
    ), listed AS MATERIALIZED (
        SELECT
            f.*,
            row_number() OVER (ORDER BY f.rank, f.name, f.open_id, f.closed_id) AS number
        FROM found AS f
        WHERE channel_page.state = '' OR f.state = channel_page.state
    ), first AS (
        SELECT
            count(*) AS matching,
            CASE
                WHEN channel_page.after IS NOT NULL
                    THEN count(*) FILTER (
                        WHERE (l.rank, l.name, l.open_id, l.closed_id) <= (
                            channel_page.after[1], channel_page.after[2], channel_page.after[3], channel_page.after[4]
                        )
                    )
                WHEN channel_page.before IS NOT NULL
                    THEN greatest(
                        count(*) FILTER (
                            WHERE (l.rank, l.name, l.open_id, l.closed_id) < (
                                channel_page.before[1], channel_page.before[2],
                                channel_page.before[3], channel_page.before[4]
                            )
                        ) - channel_page.page_size,
                        0
                    )
                ELSE 0
            END AS passed
        FROM listed AS l
    ), page AS MATERIALIZED (
        SELECT
            l.open_id,
            l.closed_id,
            l.number,
            ARRAY[l.rank, l.name, l.open_id, l.closed_id] AS place
        FROM listed AS l
        CROSS JOIN first AS f
        WHERE l.number > f.passed AND l.number <= f.passed + channel_page.page_size
    ), wanted AS MATERIALIZED (
        SELECT
            p.open_id,
            p.closed_id,
            p.number
        FROM page AS p
        WHERE channel_page.open_channel_id IS NULL
        UNION ALL
        SELECT channel_page.open_channel_id, channel_page.closed_channel_id, 1
        WHERE channel_page.open_channel_id IS NOT NULL
    )

    SELECT json_build_object(
        'channels', (
            SELECT coalesce(json_agg(c.channel ORDER BY w.number), '[]')
            FROM json_array_elements(
                broadcast.client_channels(
                    channel_page.client_id,
                    'newest',
                    (SELECT coalesce(array_agg(w.open_id ORDER BY w.number), '{}') FROM wanted AS w),
                    (SELECT coalesce(array_agg(w.closed_id ORDER BY w.number), '{}') FROM wanted AS w)
                ) -> 'channels'
            ) AS c (channel)
            INNER JOIN wanted AS w
                ON c.channel ->> 'open_channel_id' = w.open_id AND c.channel ->> 'closed_channel_id' = w.closed_id
        ),
        'passed', f.passed,
        'matching', f.matching,
        'total', (SELECT count(*) FROM own AS o),
        'max_channels', (SELECT s.max_channels_per_client FROM broadcast.settings AS s),
        'states', (SELECT coalesce(json_object_agg(s.state, s.count ORDER BY s.state), '{}') FROM counts AS s),
        'before', (SELECT to_json(p.place) FROM page AS p WHERE f.passed > 0 ORDER BY p.number LIMIT 1),
        'after', (
            SELECT to_json(p.place) FROM page AS p
            WHERE f.passed + channel_page.page_size < f.matching
            ORDER BY p.number DESC
            LIMIT 1
        )
    )
    FROM first AS f;
$$;

COMMENT ON FUNCTION broadcast.channel_page(uuid, text, text, text, text [], text [], text, text, integer) IS
'A page of a client''s channels that fit a search and a state, in the order attention, title or next, after or before '
'a place, and how many are in each state, as JSON; with a pair''s ids that channel alone, and the counts.';
REVOKE ALL ON FUNCTION broadcast.channel_page(
    uuid, text, text, text, text [], text [], text, text, integer
) FROM public;

CREATE OR REPLACE FUNCTION broadcast.user_of_id(user_id uuid)
RETURNS TABLE (
    username text,
    email text,
    email_verified boolean,
    is_active boolean,
    created_at timestamptz,
    last_login timestamptz,
    is_operator boolean
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Some copies have times without a zone, in UTC.
SET timezone = 'UTC'
AS $$
    SELECT
        u.username::text,
        u.email::text,
        coalesce(u.email_verified::boolean, FALSE),
        coalesce(u.is_active::boolean, FALSE),
        broadcast.finite(u.created_at),
        broadcast.finite(u.last_login),
        EXISTS (SELECT FROM broadcast.operators AS o WHERE o.user_id = u.user_id)
    FROM public.registered_users AS u
    WHERE u.user_id = user_of_id.user_id;
$$;

COMMENT ON FUNCTION broadcast.user_of_id(uuid) IS
'The user of an id, switched off or not, and whether an operator; no row where there is none.';
REVOKE ALL ON FUNCTION broadcast.user_of_id(uuid) FROM public;

CREATE OR REPLACE FUNCTION broadcast.password_hash_of(username text)
RETURNS TABLE (user_id uuid, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT
        u.user_id,
        u.password_hash::text
    FROM public.registered_users AS u
    WHERE u.username = password_hash_of.username;
$$;

COMMENT ON FUNCTION broadcast.password_hash_of(text) IS
'Whom a name signs in as, and the bcrypt hash that the password must match; no row where there is none.';
REVOKE ALL ON FUNCTION broadcast.password_hash_of(text) FROM public;

CREATE OR REPLACE FUNCTION broadcast.record_login(user_id uuid)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    UPDATE public.registered_users AS u
    SET last_login = now()
    WHERE u.user_id = record_login.user_id;
$$;

COMMENT ON FUNCTION broadcast.record_login(uuid) IS
'Notes that a user has just signed in.';
REVOKE ALL ON FUNCTION broadcast.record_login(uuid) FROM public;
