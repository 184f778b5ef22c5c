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
