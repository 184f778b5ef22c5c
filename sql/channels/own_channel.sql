CREATE OR REPLACE FUNCTION broadcast.own_channel(client_id uuid, open_channel_id text, closed_channel_id text)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    own text [];
    others bigint;
BEGIN
    SELECT array_agg(c.closed_channel_id::text) FILTER (WHERE c.client_id = own_channel.client_id), count(*)
    INTO own, others
    FROM public.main_clients_database AS c
    WHERE c.open_channel_id = own_channel.open_channel_id
        AND (own_channel.closed_channel_id IS NULL OR c.closed_channel_id = own_channel.closed_channel_id);
    IF cardinality(own) = 1 THEN
        RETURN own[1];
    ELSIF cardinality(own) > 1 THEN
        RAISE EXCEPTION 'several channels have the open channel id %', open_channel_id
        USING ERRCODE = 'BM009',
            DETAIL = to_jsonb(own)::text,
            HINT = 'Give the closed channel''s id as well: the detail lists them.';
    ELSIF others > 0 THEN
        RAISE EXCEPTION 'channel % belongs to another client', open_channel_id USING ERRCODE = 'BM008';
    END IF;
    RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
END;
$$;

COMMENT ON FUNCTION broadcast.own_channel(uuid, text, text) IS
'The closed channel id of the client''s one channel with this open id, and this closed id where one is given.';
REVOKE ALL ON FUNCTION broadcast.own_channel(uuid, text, text) FROM public;
