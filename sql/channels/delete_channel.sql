CREATE OR REPLACE FUNCTION broadcast.delete_channel(client_id uuid, open_channel_id text, closed_channel_id text)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    own_closed_channel_id constant text := broadcast.own_channel(client_id, open_channel_id, closed_channel_id);
    broadcast_id constant uuid := (
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = delete_channel.open_channel_id AND b.closed_channel_id = own_closed_channel_id
    );
BEGIN
    DELETE FROM public.main_clients_database AS c
    WHERE c.client_id = delete_channel.client_id
        AND c.open_channel_id = delete_channel.open_channel_id AND c.closed_channel_id = own_closed_channel_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
    END IF;
    RETURN broadcast_id;
END;
$$;

COMMENT ON FUNCTION broadcast.delete_channel(uuid, text, text) IS
'Deletes a client''s channel; gives the broadcast_id of the row that the database removed with it.';
REVOKE ALL ON FUNCTION broadcast.delete_channel(uuid, text, text) FROM public;
