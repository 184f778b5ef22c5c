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
