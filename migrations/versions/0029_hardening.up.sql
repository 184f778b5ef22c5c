CREATE OR REPLACE PROCEDURE public.backfill_broadcasts(
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
                created_now := public.backfill_broadcast_batch(open_channel_ids, closed_channel_ids, spread);
                created_rows := created_rows + created_now;
                busy := busy OR created_now < cardinality(open_channel_ids);
            EXCEPTION
                -- A client holds what we need: leave it to the next pass.
                WHEN lock_not_available OR foreign_key_violation THEN busy := true;
            END;
            pause := public.pause_for_clients(began);
            COMMIT;
            SET LOCAL search_path = pg_catalog, pg_temp;
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


CREATE OR REPLACE PROCEDURE public.repair_broadcasts(batch_size integer DEFAULT 100)
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
                FROM public.broken_broadcasts AS v
                INNER JOIN public.broadcast_manager AS b ON v.broadcast_id = b.id
            ) AS n
            GROUP BY n.nth
            ORDER BY n.nth
        LOOP
            began := clock_timestamp();
            found_rows := greatest(found_rows, broken_rows);
            BEGIN
                repaired_now := public.repair_broadcast_batch(batch);
                repaired := repaired + repaired_now;
                busy := busy OR repaired_now < cardinality(batch);
            EXCEPTION
                -- A client holds what we need, or has just changed it: leave it to the next pass.
                WHEN lock_not_available OR foreign_key_violation OR unique_violation THEN busy := true;
            END;
            pause := public.pause_for_clients(began);
            COMMIT;
            SET LOCAL search_path = pg_catalog, pg_temp;
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


CREATE OR REPLACE FUNCTION public.lock_without_queueing(lock_mode text, VARIADIC tables regclass [])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    table_list constant text := (SELECT string_agg(t::text, ', ') FROM unnest(tables) AS t);
    holders text;
BEGIN
    -- Both become part of a statement.
    IF coalesce(upper(lock_mode), '') NOT IN (
        'ACCESS SHARE', 'ROW SHARE', 'ROW EXCLUSIVE', 'SHARE UPDATE EXCLUSIVE',
        'SHARE', 'SHARE ROW EXCLUSIVE', 'EXCLUSIVE', 'ACCESS EXCLUSIVE'
    ) THEN
        RAISE EXCEPTION '% is no lock mode', coalesce(lock_mode, 'NULL') USING ERRCODE = '22023';
    ELSIF coalesce(cardinality(tables), 0) = 0
        OR EXISTS (SELECT FROM unnest(tables) AS t WHERE t IS NULL OR NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = t))
    THEN
        RAISE EXCEPTION 'there is no table to lock, or not each of them is there' USING ERRCODE = '22023';
    END IF;
    FOR attempt IN 1..60 LOOP
        BEGIN
            -- Everyone who comes after a waiting lock request waits behind it: so wait briefly, 100 ms for all tables
            -- together, then step back. Shorter than deadlock_timeout, so that a client never pays for a deadlock with us.
            PERFORM set_config('lock_timeout', (100 / cardinality(tables))::text, true);
            EXECUTE format('LOCK TABLE %s IN %s MODE', table_list, lock_mode);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            SELECT string_agg(
                format(
                    'pid %s (%s, %s, %s) since %s', a.pid, a.usename, coalesce(nullif(a.application_name, ''), '?'),
                    a.state, a.xact_start
                ), '; '
            ) INTO holders
            FROM pg_stat_activity AS a
            WHERE a.pid <> pg_backend_pid()
                AND a.pid IN (
                    SELECT l.pid FROM pg_locks AS l
                    WHERE l.relation = ANY (tables) AND l.granted
                        AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                );
            RAISE NOTICE 'waiting for % on %, held by %', lock_mode, table_list, coalesce(holders, 'nobody any more');
            PERFORM pg_sleep(least(0.1 * 1.5 ^ attempt, 5) * (0.5 + random() / 2));
        END;
    END LOOP;
    RAISE EXCEPTION 'no % lock on % after 60 attempts', lock_mode, table_list
    USING ERRCODE = 'BM003',
        DETAIL = 'held by ' || coalesce(holders, 'sessions that come and go'),
        HINT = 'End those transactions, or wait for them, and run the migration again: it goes on where it stopped.';
END;
$$;


CREATE OR REPLACE FUNCTION public.retry_after_seconds(b public.broadcast_manager)
RETURNS integer
LANGUAGE sql
VOLATILE
STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    -- The clock, not now(): a transaction may have begun long ago.
    -- A trigger in the future, by a clock that was wrong, counts as one of now.
    SELECT CASE
        WHEN b.last_manual_trigger_time > clock_timestamp() - s.manual_trigger_interval
            THEN ceil(extract(
                EPOCH FROM least(b.last_manual_trigger_time, clock_timestamp()) + s.manual_trigger_interval - clock_timestamp()
            ))::integer
        ELSE 0
    END
    FROM public.broadcast_manager_settings AS s;
$$;


CREATE OR REPLACE FUNCTION public.checked_channel(channel public.main_clients_database, fields jsonb)
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
    ) AND channel.notification_status AND coalesce(channel.notification_id, 0) NOT BETWEEN 10000 AND 999999999999999
    THEN
        problems := '{"notification_id": "must have 5 to 15 digits when notifications are on"}' || problems;
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
        IF coalesce(price, 0) <= 0 THEN
            problems := jsonb_build_object(
                format('sub_%s_price', tier), format('must be above 0: tier %s needs a price', tier)
            ) || problems;
        END IF;
        IF coalesce(days, 0) <= 0 THEN
            problems := jsonb_build_object(
                format('sub_%s_time', tier), format('must be above 0: tier %s needs a number of days', tier)
            ) || problems;
        END IF;
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
