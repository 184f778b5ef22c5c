CREATE OR REPLACE FUNCTION public.own_broadcast(broadcast_id uuid, client_id uuid)
RETURNS uuid
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner_id constant uuid := (SELECT b.client_id FROM public.broadcast_manager AS b WHERE b.id = broadcast_id);
BEGIN
    IF owner_id IS NULL THEN
        RAISE EXCEPTION 'there is no broadcast %', broadcast_id USING ERRCODE = 'BM010';
    ELSIF owner_id IS DISTINCT FROM client_id THEN
        RAISE EXCEPTION 'broadcast % belongs to another client', broadcast_id USING ERRCODE = 'BM011';
    END IF;
    RETURN broadcast_id;
END;
$$;

COMMENT ON FUNCTION public.own_broadcast(uuid, uuid) IS
'The id again when the broadcast is there and the client''s own.';
REVOKE ALL ON FUNCTION public.own_broadcast(uuid, uuid) FROM public;

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
REVOKE ALL ON FUNCTION public.broadcast_state(public.broadcast_manager) FROM public;

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
REVOKE ALL ON FUNCTION public.request_broadcast(uuid, uuid) FROM public;

CREATE OR REPLACE FUNCTION public.reactivate_broadcast(broadcast_id uuid, client_id uuid)
RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE public.broadcast_manager AS m
    SET is_active = true,
        consecutive_failures = 0,
        updated_at = now()
    WHERE m.id = public.own_broadcast(broadcast_id, reactivate_broadcast.client_id)
        AND m.client_id = reactivate_broadcast.client_id;
END;
$$;

COMMENT ON FUNCTION public.reactivate_broadcast(uuid, uuid) IS
'Switches a client''s broadcast on again and forgets its failures in a row; what is overdue goes out next.';
REVOKE ALL ON FUNCTION public.reactivate_broadcast(uuid, uuid) FROM public;

CREATE OR REPLACE FUNCTION public.record_login(user_id uuid)
RETURNS void
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE public.registered_users AS u
    SET last_login = now()
    WHERE u.user_id = record_login.user_id;
$$;

COMMENT ON FUNCTION public.record_login(uuid) IS
'Notes that a user has just signed in.';
REVOKE ALL ON FUNCTION public.record_login(uuid) FROM public;
