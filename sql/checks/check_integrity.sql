CREATE OR REPLACE FUNCTION broadcast.check_integrity(max_age interval DEFAULT '0')
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found broadcast.integrity_check;
BEGIN
    found.checked_at := clock_timestamp();
    IF EXISTS (SELECT FROM broadcast.integrity_check AS c WHERE c.checked_at > found.checked_at - max_age)
        -- One check at a time is enough for all.
        OR NOT pg_try_advisory_xact_lock(hashtextextended('broadcast_manager.check_integrity', 0))
    THEN
        RETURN FALSE;
    END IF;
    found.is_only_row := TRUE;
    found.channels := (SELECT count(*) FROM public.main_clients_database);
    SELECT
        count(*),
        count(*) FILTER (WHERE b.is_active AND b.broadcast_status = 'failed'),
        coalesce(sum(b.successful_broadcasts), 0),
        coalesce(sum(b.failed_broadcasts), 0)
    INTO found.broadcasts, found.failing, found.attempts_successful, found.attempts_failed
    FROM public.broadcast_manager AS b;
    found.switched_off := (
        SELECT coalesce(jsonb_object_agg(r.reason, r.count), '{}')
        FROM (
            SELECT broadcast.off_reason(b) AS reason, count(*) AS count
            FROM public.broadcast_manager AS b
            WHERE b.is_active IS NOT TRUE
            GROUP BY 1
        ) AS r
    );
    found.violations := (
        SELECT coalesce(jsonb_object_agg(v.check_name, v.count), '{}') FROM broadcast.integrity_counts() AS v
    );
    found.duration := clock_timestamp() - found.checked_at;
    DELETE FROM broadcast.integrity_check;
    INSERT INTO broadcast.integrity_check SELECT found.*;
    RETURN TRUE;
END;
$$;

COMMENT ON FUNCTION broadcast.check_integrity(interval) IS
'Makes the full check and keeps what it found, unless the last one is younger than max_age or another is under way.';
REVOKE ALL ON FUNCTION broadcast.check_integrity(interval) FROM public;
