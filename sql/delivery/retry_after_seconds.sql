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
