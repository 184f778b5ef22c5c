CREATE OR REPLACE FUNCTION broadcast.request_broadcast(broadcast_id uuid, client_id uuid)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    b public.broadcast_manager;
    wait integer;
BEGIN
    PERFORM broadcast.own_broadcast(broadcast_id, client_id);
    -- Held from here on: of two clicks the second one sees what the first has done.
    SELECT m.* INTO b FROM public.broadcast_manager AS m
    WHERE m.id = broadcast_id AND m.client_id = request_broadcast.client_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no broadcast %', broadcast_id USING ERRCODE = 'BM010';
    ELSIF b.broadcast_status = 'in_progress' THEN
        RAISE EXCEPTION 'broadcast % is being sent', broadcast_id USING ERRCODE = 'BM013';
    ELSIF b.is_active IS NOT TRUE THEN
        RAISE EXCEPTION 'broadcast % is switched off', broadcast_id
        USING ERRCODE = 'BM012', HINT = 'Switch it on again: reactivate_broadcast().';
    END IF;
    wait := broadcast.retry_after_seconds(b);
    IF wait > 0 THEN
        RAISE EXCEPTION 'broadcast % can be triggered again in % seconds', broadcast_id, wait
        USING ERRCODE = 'BM014', DETAIL = jsonb_build_object('retry_after_seconds', wait)::text;
    END IF;
    UPDATE public.broadcast_manager AS m
    SET broadcast_status = 'pending',
        next_send_time = now(),
        last_manual_trigger_time = clock_timestamp(),
        manual_trigger_count = coalesce(m.manual_trigger_count, 0) + 1,
        updated_at = now()
    WHERE m.id = broadcast_id;
    -- What an earlier delivery could not send is not waited for: both messages go out anew.
    UPDATE broadcast.deliveries AS d
    SET finished_at = now(), outcome = 'superseded'
    WHERE d.broadcast_id = request_broadcast.broadcast_id AND d.finished_at IS NULL;
    PERFORM pg_notify('broadcast_manager_due', broadcast_id::text);
END;
$$;

COMMENT ON FUNCTION broadcast.request_broadcast(uuid, uuid) IS
'Makes a client''s broadcast due now and tells the workers; refused when it is off, being sent, or too soon.';
REVOKE ALL ON FUNCTION broadcast.request_broadcast(uuid, uuid) FROM public;
