CREATE OR REPLACE FUNCTION broadcast.transaction_mark()
RETURNS bytea
LANGUAGE sql STABLE
-- No SET clause: it would keep the planner from inlining the body. Whoever calls this pins the path.
AS $$
    -- A UUID of version 8 laid out like version 7: milliseconds since 1970 in 48 bits, the version in 4, and the
    -- microseconds within the millisecond in the next 12. The trigger take_over_auto_created_row spells out the same.
    SELECT int8send(
        ((date_part('epoch', now()) * 1000000)::bigint / 1000 << 16) | 32768
        | ((date_part('epoch', now()) * 1000000)::bigint % 1000 << 2)
    );
$$;

COMMENT ON FUNCTION broadcast.transaction_mark() IS
'The first eight octets of each id that the rule creates in this transaction: when it began, in a UUID of version 8.';
REVOKE ALL ON FUNCTION broadcast.transaction_mark() FROM public;

-- A function, not a view: a view would keep the owner from changing a column's type.
CREATE OR REPLACE FUNCTION broadcast.broken_broadcasts()
RETURNS TABLE (broadcast_id uuid, channel_client_id uuid, relink_closed_channel_id text, reason text)
LANGUAGE sql STABLE
-- No SET clause: it would keep the planner from inlining the body, as repair_broadcast_batch() needs it.
-- Callers pin the path.
AS $$
    SELECT
        b.id,
        c.client_id,
        relink.closed_channel_id,
        CASE
            WHEN c.client_id IS NOT NULL THEN 'owner_corrected'
            WHEN relink.closed_channel_id IS NOT NULL THEN 'relinked'
            ELSE 'channel_gone'
        END
    FROM public.broadcast_manager AS b
    LEFT JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    LEFT JOIN LATERAL (
        SELECT min(moved.closed_channel_id::text) AS closed_channel_id
        FROM public.main_clients_database AS moved
        WHERE
            c.client_id IS NULL
            AND moved.client_id = b.client_id
            AND moved.open_channel_id = b.open_channel_id
            AND NOT EXISTS (
                SELECT FROM public.broadcast_manager AS own
                WHERE own.open_channel_id = moved.open_channel_id AND own.closed_channel_id = moved.closed_channel_id
            )
        HAVING count(*) = 1
    ) AS relink ON TRUE
    WHERE b.client_id IS NULL OR c.client_id IS NULL OR b.client_id <> c.client_id;
$$;

COMMENT ON FUNCTION broadcast.broken_broadcasts() IS
'Broadcast rows without their channel or with another owner than its, and what a repair would do with each.';
REVOKE ALL ON FUNCTION broadcast.broken_broadcasts() FROM public;

CREATE OR REPLACE FUNCTION broadcast.pause_for_clients(batch_began timestamptz)
RETURNS double precision
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT least(
        extract(EPOCH FROM clock_timestamp() - batch_began) * (count(DISTINCT l.pid) + 4 * count(*) FILTER (WHERE NOT l.granted)), 1
    )
    FROM pg_locks AS l
    WHERE l.pid <> pg_backend_pid()
        AND (
            (
                l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                AND l.relation IN ('public.broadcast_manager'::regclass, 'public.main_clients_database'::regclass)
                AND l.mode = 'RowExclusiveLock'
            )
            -- Someone waits for a row that a transaction of this server has changed, most likely ours.
            OR (l.locktype = 'transactionid' AND NOT l.granted)
        );
$$;

COMMENT ON FUNCTION broadcast.pause_for_clients(timestamptz) IS
'Seconds to rest after a batch: its own time for each client that writes, five times that for each that waits.';
REVOKE ALL ON FUNCTION broadcast.pause_for_clients(timestamptz) FROM public;

CREATE OR REPLACE FUNCTION broadcast.quarantine_duplicate_broadcasts()
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    moved bigint;
BEGIN
    WITH ranked AS (
        SELECT b.id, row_number() OVER (
            PARTITION BY b.open_channel_id, b.closed_channel_id
            ORDER BY b.total_broadcasts DESC NULLS LAST, b.last_sent_time DESC NULLS LAST, b.created_at, b.id
        ) AS place
        FROM public.broadcast_manager AS b
        WHERE b.open_channel_id IS NOT NULL AND b.closed_channel_id IS NOT NULL
    ), removed AS (
        DELETE FROM public.broadcast_manager AS b
        USING ranked AS r
        WHERE b.id = r.id AND r.place > 1
        RETURNING b.id, to_jsonb(b) AS broadcast_row
    )
    INSERT INTO broadcast.quarantine (reason, broadcast_id, broadcast_row)
    SELECT 'duplicate', r.id, r.broadcast_row FROM removed AS r;
    GET DIAGNOSTICS moved = ROW_COUNT;
    RETURN moved;
END;
$$;

COMMENT ON FUNCTION broadcast.quarantine_duplicate_broadcasts() IS
'Of several broadcast rows for one pair keeps the one with the most history and quarantines the rest.';
REVOKE ALL ON FUNCTION broadcast.quarantine_duplicate_broadcasts() FROM public;

CREATE OR REPLACE FUNCTION broadcast.repair_broadcast_batch(broadcast_ids uuid [])
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET row_security = off
SET lock_timeout = '100ms'
AS $$
DECLARE
    b public.broadcast_manager;
    broken record;
    repaired integer := 0;
BEGIN
    -- Most history first: of several rows that could be re-linked to one channel, the first one is.
    FOR b IN
        SELECT m.* FROM public.broadcast_manager AS m
        WHERE m.id = ANY (broadcast_ids)
        ORDER BY m.total_broadcasts DESC NULLS LAST, m.last_sent_time DESC NULLS LAST, m.created_at, m.id
        FOR UPDATE SKIP LOCKED
    LOOP
        SELECT * INTO broken FROM broadcast.broken_broadcasts() AS v WHERE v.broadcast_id = b.id;
        CONTINUE WHEN NOT FOUND;
        IF broken.reason <> 'channel_gone' THEN
            -- The key will ask for this channel; asked for here, it need not be waited for while rows are held.
            PERFORM FROM public.main_clients_database AS c
            WHERE c.open_channel_id = b.open_channel_id
                AND c.closed_channel_id = coalesce(broken.relink_closed_channel_id, b.closed_channel_id)
                AND c.client_id = coalesce(broken.channel_client_id, b.client_id)
            FOR KEY SHARE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
        END IF;
        INSERT INTO broadcast.quarantine (reason, broadcast_id, broadcast_row)
        VALUES (broken.reason, b.id, to_jsonb(b));
        IF broken.reason = 'owner_corrected' THEN
            UPDATE public.broadcast_manager SET client_id = broken.channel_client_id WHERE id = b.id;
        ELSIF broken.reason = 'relinked' THEN
            UPDATE public.broadcast_manager SET closed_channel_id = broken.relink_closed_channel_id WHERE id = b.id;
        ELSE
            DELETE FROM public.broadcast_manager WHERE id = b.id;
        END IF;
        repaired := repaired + 1;
    END LOOP;
    RETURN repaired;
END;
$$;

COMMENT ON FUNCTION broadcast.repair_broadcast_batch(uuid []) IS
'Corrects the owner of these broadcast rows, re-links them or quarantines them; skips rows that a client holds.';
REVOKE ALL ON FUNCTION broadcast.repair_broadcast_batch(uuid []) FROM public;

CREATE OR REPLACE PROCEDURE broadcast.repair_broadcasts(batch_size integer DEFAULT 100)
LANGUAGE plpgsql
-- SECURITY INVOKER and no SET clause: both forbid COMMIT. The path is set inside, for each transaction anew;
-- the types of variables are looked up before that.
AS $$
DECLARE
    batch pg_catalog.uuid [];
    broken_rows bigint;
    found_rows bigint := 0;
    repaired bigint := 0;
    repaired_now integer;
    busy boolean;
    began pg_catalog.timestamptz;
    pause double precision;
BEGIN
    SET LOCAL search_path = pg_catalog, pg_temp;
    SET LOCAL row_security = off;
    IF batch_size < 1 THEN
        RAISE EXCEPTION 'a batch has one row or more, not %', batch_size USING ERRCODE = '22023';
    END IF;
    FOR pass IN 1..10 LOOP
        busy := false;
        -- The loop's query is run to its end before the first COMMIT: the tables are read once a pass.
        FOR batch, broken_rows IN
            SELECT array_agg(n.broadcast_id), max(n.broken_rows)
            FROM (
                SELECT v.broadcast_id, count(*) OVER () AS broken_rows,
                    (row_number() OVER (
                        ORDER BY b.total_broadcasts DESC NULLS LAST, b.last_sent_time DESC NULLS LAST, b.created_at, b.id
                    ) - 1) / batch_size AS nth
                FROM broadcast.broken_broadcasts() AS v
                INNER JOIN public.broadcast_manager AS b ON v.broadcast_id = b.id
            ) AS n
            GROUP BY n.nth
            ORDER BY n.nth
        LOOP
            began := clock_timestamp();
            found_rows := greatest(found_rows, broken_rows);
            BEGIN
                repaired_now := broadcast.repair_broadcast_batch(batch);
                repaired := repaired + repaired_now;
                busy := busy OR repaired_now < cardinality(batch);
            EXCEPTION
                -- A client holds what we need, or has just changed it: leave it to the next pass.
                WHEN lock_not_available OR foreign_key_violation OR unique_violation THEN busy := true;
            END;
            pause := broadcast.pause_for_clients(began);
            COMMIT;
            SET LOCAL search_path = pg_catalog, pg_temp;
            SET LOCAL row_security = off;
            PERFORM pg_sleep(pause);
            RAISE NOTICE 'repair: % of % broadcast rows', repaired, found_rows
            USING DETAIL = jsonb_build_object('step', 'repair', 'done', repaired, 'total', found_rows)::text;
        END LOOP;
        EXIT WHEN NOT busy;
        PERFORM pg_sleep(0.1 * pass);
        -- Smaller steps: a row that is held up does not hold up its neighbours.
        batch_size := greatest(batch_size / 10, 1);
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE broadcast.repair_broadcasts(integer) IS
'Corrects, re-links or quarantines broadcast rows that have no channel or the wrong owner; commits each batch.';
REVOKE ALL ON PROCEDURE broadcast.repair_broadcasts(integer) FROM public;

CREATE OR REPLACE FUNCTION broadcast.backfill_broadcast_batch(
    open_channel_ids text [], closed_channel_ids text [], spread interval
)
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET row_security = off
SET lock_timeout = '100ms'
AS $$
DECLARE
    -- As in create_broadcast_rows(), so that no row looks for one to take over.
    mark constant bytea := broadcast.transaction_mark();
    created integer;
BEGIN
    INSERT INTO public.broadcast_manager (
        id, client_id, open_channel_id, closed_channel_id,
        broadcast_status, is_active, next_send_time,
        total_broadcasts, successful_broadcasts, failed_broadcasts, consecutive_failures, manual_trigger_count,
        created_at, updated_at
    )
    SELECT
        encode(overlay(uuid_send(gen_random_uuid()) PLACING mark FROM 1), 'hex')::uuid,
        c.client_id, c.open_channel_id, c.closed_channel_id,
        'pending', true, now() + random() * spread,
        0, 0, 0, 0, 0,
        now(), now()
    FROM public.main_clients_database AS c
    INNER JOIN unnest(open_channel_ids, closed_channel_ids) AS p (open_channel_id, closed_channel_id)
        ON c.open_channel_id = p.open_channel_id AND c.closed_channel_id = p.closed_channel_id
    -- A channel that a client is changing or deleting right now waits for the next pass, not the client for us.
    FOR KEY SHARE OF c SKIP LOCKED
    ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING;
    GET DIAGNOSTICS created = ROW_COUNT;
    RETURN created;
END;
$$;

COMMENT ON FUNCTION broadcast.backfill_broadcast_batch(text [], text [], interval) IS
'Creates the broadcast rows of these channel pairs, as for new channels, due within the spread.';
REVOKE ALL ON FUNCTION broadcast.backfill_broadcast_batch(text [], text [], interval) FROM public;

CREATE OR REPLACE PROCEDURE broadcast.backfill_broadcasts(
    batch_size integer DEFAULT 500,
    only_client_id uuid DEFAULT NULL,
    spread interval DEFAULT '0',
    INOUT found_channels bigint DEFAULT 0,
    INOUT created_rows bigint DEFAULT 0
)
LANGUAGE plpgsql
-- SECURITY INVOKER and no SET clause: both forbid COMMIT. The path is set inside, for each transaction anew;
-- the types of variables are looked up before that.
AS $$
DECLARE
    open_channel_ids pg_catalog.text [];
    closed_channel_ids pg_catalog.text [];
    missing bigint;
    created_now integer;
    busy boolean;
    began pg_catalog.timestamptz;
    pause double precision;
BEGIN
    SET LOCAL search_path = pg_catalog, pg_temp;
    SET LOCAL row_security = off;
    IF batch_size < 1 THEN
        RAISE EXCEPTION 'a batch has one channel or more, not %', batch_size USING ERRCODE = '22023';
    ELSIF NOT coalesce(isfinite(spread) AND spread >= '0', FALSE) THEN
        RAISE EXCEPTION 'the spread must be finite and not negative, not %', spread USING ERRCODE = '22023';
    END IF;
    found_channels := 0;
    created_rows := 0;
    FOR pass IN 1..10 LOOP
        busy := false;
        -- The loop's query is run to its end before the first COMMIT: one anti-join a pass.
        FOR open_channel_ids, closed_channel_ids, missing IN
            SELECT array_agg(m.open_channel_id), array_agg(m.closed_channel_id), max(m.missing)
            FROM (
                SELECT c.open_channel_id, c.closed_channel_id, count(*) OVER () AS missing,
                    (row_number() OVER () - 1) / batch_size AS nth
                FROM public.main_clients_database AS c
                WHERE (only_client_id IS NULL OR c.client_id = only_client_id)
                    AND NOT EXISTS (
                        SELECT FROM public.broadcast_manager AS b
                        WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
                    )
            ) AS m
            GROUP BY m.nth
            ORDER BY m.nth
        LOOP
            began := clock_timestamp();
            found_channels := greatest(found_channels, missing);
            BEGIN
                created_now := broadcast.backfill_broadcast_batch(open_channel_ids, closed_channel_ids, spread);
                created_rows := created_rows + created_now;
                busy := busy OR created_now < cardinality(open_channel_ids);
            EXCEPTION
                -- A client holds what we need: leave it to the next pass.
                WHEN lock_not_available OR foreign_key_violation THEN busy := true;
            END;
            pause := broadcast.pause_for_clients(began);
            COMMIT;
            SET LOCAL search_path = pg_catalog, pg_temp;
            SET LOCAL row_security = off;
            PERFORM pg_sleep(pause);
            RAISE NOTICE 'backfill: % of % channels', created_rows, found_channels
            USING DETAIL = jsonb_build_object('step', 'backfill', 'done', created_rows, 'total', found_channels)::text;
        END LOOP;
        EXIT WHEN NOT busy;
        PERFORM pg_sleep(0.1 * pass);
        -- Smaller steps: a channel that is held up does not hold up its neighbours.
        batch_size := greatest(batch_size / 10, 1);
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE broadcast.backfill_broadcasts(integer, uuid, interval, bigint, bigint) IS
'Creates the broadcast rows that channels lack, as for new channels, and commits each batch; it may be run again.';
REVOKE ALL ON PROCEDURE broadcast.backfill_broadcasts(integer, uuid, interval, bigint, bigint) FROM public;
