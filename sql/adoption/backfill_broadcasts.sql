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
