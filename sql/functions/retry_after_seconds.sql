CREATE OR REPLACE FUNCTION public.retry_after_seconds(b public.broadcast_manager)
RETURNS integer
LANGUAGE sql
VOLATILE
STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    -- The clock, not now(): a transaction may have begun long ago.
    SELECT greatest(
        0, ceil(extract(EPOCH FROM b.last_manual_trigger_time + s.manual_trigger_interval - clock_timestamp()))
    )::integer
    FROM public.broadcast_manager_settings AS s;
$$;

COMMENT ON FUNCTION public.retry_after_seconds(public.broadcast_manager) IS
'Seconds until the broadcast may be triggered by hand again; 0 when it may now.';
REVOKE ALL ON FUNCTION public.retry_after_seconds(public.broadcast_manager) FROM public;
