CREATE OR REPLACE FUNCTION broadcast.broadcast_state(b public.broadcast_manager)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN b.broadcast_status = 'in_progress' THEN 'sending'
        WHEN b.is_active IS NOT TRUE THEN 'off'
        WHEN b.broadcast_status = 'skipped' THEN 'skipped'
        WHEN b.next_send_time <= now() THEN 'queued'
        WHEN b.broadcast_status = 'failed' AND broadcast.last_outcome(b.id) = 'unknown' THEN 'unknown'
        WHEN b.broadcast_status = 'failed' THEN 'failed'
        WHEN b.broadcast_status = 'completed' THEN 'sent'
        ELSE 'scheduled'
    END;
$$;

COMMENT ON FUNCTION broadcast.broadcast_state(public.broadcast_manager) IS
'What people are told of a broadcast: sending, off, skipped, queued, failed, unknown, sent or scheduled.';
REVOKE ALL ON FUNCTION broadcast.broadcast_state(public.broadcast_manager) FROM public;
