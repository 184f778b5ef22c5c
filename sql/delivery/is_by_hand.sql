CREATE OR REPLACE FUNCTION broadcast.is_by_hand(b public.broadcast_manager)
RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(b.last_manual_trigger_time >= b.next_send_time, FALSE);
$$;

COMMENT ON FUNCTION broadcast.is_by_hand(public.broadcast_manager) IS
'Whether the next send was asked for by hand: a trigger makes it due at once.';
REVOKE ALL ON FUNCTION broadcast.is_by_hand(public.broadcast_manager) FROM public;
