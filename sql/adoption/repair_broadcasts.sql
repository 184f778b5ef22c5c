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
