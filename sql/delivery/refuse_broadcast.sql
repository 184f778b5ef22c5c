CREATE OR REPLACE FUNCTION broadcast.refuse_broadcast(broadcast_id uuid)
RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
BEGIN
    IF EXISTS (SELECT FROM public.broadcast_manager AS b WHERE b.id = broadcast_id) THEN
        RAISE EXCEPTION 'broadcast % belongs to another client', broadcast_id USING ERRCODE = 'BM011';
    END IF;
    RAISE EXCEPTION 'there is no broadcast %', broadcast_id USING ERRCODE = 'BM010';
END;
$$;

COMMENT ON FUNCTION broadcast.refuse_broadcast(uuid) IS
'Says why a client''s broadcast was not found: it is another client''s (BM011), or there is none (BM010).';
REVOKE ALL ON FUNCTION broadcast.refuse_broadcast(uuid) FROM public;
