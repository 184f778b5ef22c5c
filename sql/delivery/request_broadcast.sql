CREATE OR REPLACE FUNCTION broadcast.request_broadcast(broadcast_id uuid, client_id uuid)
RETURNS TABLE (open_channel_id text, closed_channel_id text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    stored public.broadcast_manager;
    wait integer;
BEGIN
    -- The row is locked from here on: of two clicks the second one sees what the first has done.
    stored := broadcast.own_broadcast(request_broadcast.broadcast_id, request_broadcast.client_id);
    IF broadcast.is_being_sent(stored) THEN
        RAISE EXCEPTION 'broadcast % is being sent', stored.id USING ERRCODE = 'BM013';
    ELSIF stored.is_active IS NOT TRUE THEN
        RAISE EXCEPTION 'broadcast % is switched off', stored.id
        USING ERRCODE = 'BM012', HINT = 'Switch it on again: reactivate_broadcast().';
    END IF;
    wait := broadcast.retry_after_seconds(stored);
    IF wait > 0 THEN
        RAISE EXCEPTION 'broadcast % can be triggered again in % seconds', stored.id, wait
        USING ERRCODE = 'BM014', DETAIL = jsonb_build_object('retry_after_seconds', wait)::text;
    END IF;
    UPDATE public.broadcast_manager AS b
    SET broadcast_status = 'pending',
        next_send_time = now(),
        last_manual_trigger_time = clock_timestamp(),
        manual_trigger_count = coalesce(b.manual_trigger_count, 0) + 1,
        updated_at = now()
    WHERE b.id = stored.id;
    -- An unfinished earlier delivery ends here: both messages are sent anew.
    UPDATE broadcast.deliveries AS d
    SET finished_at = now(), outcome = 'superseded'
    WHERE d.broadcast_id = stored.id AND d.finished_at IS NULL;
    PERFORM pg_notify('broadcast_manager_due', stored.id::text);
    RETURN QUERY SELECT stored.open_channel_id::text, stored.closed_channel_id::text;
END;
$$;

COMMENT ON FUNCTION broadcast.request_broadcast(uuid, uuid) IS
'Makes a client''s broadcast due now, wakes the workers and gives its pair; refused when off, being sent or too soon.';
REVOKE ALL ON FUNCTION broadcast.request_broadcast(uuid, uuid) FROM public;
