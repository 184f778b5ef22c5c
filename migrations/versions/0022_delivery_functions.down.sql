DROP FUNCTION public.forget_old_deliveries();
DROP FUNCTION public.release_expired_claims();
DROP FUNCTION public.finish_broadcast(bigint, text);
DROP FUNCTION public.record_part(bigint, text, integer, text, bigint, text, text, interval);
DROP FUNCTION public.intend_part(bigint, text, text);
DROP FUNCTION public.record_message_deleted(text, bigint);
DROP FUNCTION public.messages_to_delete(bigint);
DROP FUNCTION public.claim_due_broadcasts(text, integer);

CREATE OR REPLACE FUNCTION public.broadcast_state(b public.broadcast_manager)
RETURNS text
LANGUAGE sql
STABLE
STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN b.broadcast_status = 'in_progress' THEN 'sending'
        WHEN b.is_active IS NOT TRUE THEN 'off'
        WHEN b.broadcast_status = 'skipped' THEN 'skipped'
        WHEN b.next_send_time <= now() THEN 'queued'
        WHEN b.broadcast_status = 'failed' THEN 'failed'
        WHEN b.broadcast_status = 'completed' THEN 'sent'
        ELSE 'scheduled'
    END;
$$;

COMMENT ON FUNCTION public.broadcast_state(public.broadcast_manager) IS
'What people are told of a broadcast: sending, off, skipped, queued, failed, sent or scheduled.';

CREATE OR REPLACE FUNCTION public.request_broadcast(broadcast_id uuid, client_id uuid)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    b public.broadcast_manager;
    wait integer;
BEGIN
    PERFORM public.own_broadcast(broadcast_id, client_id);
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
    wait := public.retry_after_seconds(b);
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
    PERFORM pg_notify('broadcast_manager_due', broadcast_id::text);
END;
$$;

COMMENT ON FUNCTION public.request_broadcast(uuid, uuid) IS
'Makes a client''s broadcast due now and tells the workers; refused when it is off, being sent, or too soon.';
