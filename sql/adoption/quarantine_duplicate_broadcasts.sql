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
