CREATE OR REPLACE FUNCTION broadcast.switch_off(broadcast_id uuid, reason text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    INSERT INTO broadcast.switched_off AS s (broadcast_id, reason)
    VALUES (switch_off.broadcast_id, switch_off.reason)
    ON CONFLICT ON CONSTRAINT switched_off_pkey DO UPDATE SET reason = excluded.reason, switched_off_at = now();
    UPDATE public.broadcast_manager AS b
    SET is_active = FALSE,
        updated_at = now()
    WHERE b.id = switch_off.broadcast_id AND b.is_active IS NOT FALSE;
    -- What was to be tried again is not, a day later perhaps, sent as half of a broadcast.
    UPDATE broadcast.deliveries AS d
    SET finished_at = now(), outcome = 'failed'
    WHERE d.broadcast_id = switch_off.broadcast_id AND d.finished_at IS NULL AND d.worker IS NULL;
$$;

COMMENT ON FUNCTION broadcast.switch_off(uuid, text) IS
'Switches a broadcast off and keeps why: failures, owner or operator. What is being sent is finished.';
REVOKE ALL ON FUNCTION broadcast.switch_off(uuid, text) FROM public;
