CREATE OR REPLACE FUNCTION broadcast.reactivate_broadcast(broadcast_id uuid, client_id uuid)
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
    WHERE m.id = broadcast.own_broadcast(broadcast_id, reactivate_broadcast.client_id)
        AND m.client_id = reactivate_broadcast.client_id;
END;
$$;

COMMENT ON FUNCTION broadcast.reactivate_broadcast(uuid, uuid) IS
'Switches a client''s broadcast on again and forgets its failures in a row; what is overdue goes out next.';
REVOKE ALL ON FUNCTION broadcast.reactivate_broadcast(uuid, uuid) FROM public;
