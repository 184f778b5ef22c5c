CREATE OR REPLACE FUNCTION broadcast.channel_to_send(delivery_id bigint)
RETURNS TABLE (
    open_channel_id text,
    open_channel_title text,
    open_channel_description text,
    closed_channel_id text,
    closed_channel_title text,
    closed_channel_description text,
    closed_channel_donation_message text,
    sub_1_price numeric,
    sub_1_time bigint,
    sub_2_price numeric,
    sub_2_time bigint,
    sub_3_price numeric,
    sub_3_time bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    problem constant text := (
        SELECT broadcast.channel_problem(c)
        FROM broadcast.deliveries AS d
        INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
        INNER JOIN public.main_clients_database AS c
            ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
        WHERE d.id = channel_to_send.delivery_id
    );
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'the channel cannot be advertised: %', problem USING ERRCODE = 'BM016';
    END IF;
    -- The columns' types differ from database to database; a value that cannot be read fails here, before anything is
    -- deleted or sent.
    RETURN QUERY
    SELECT
        c.open_channel_id::text, c.open_channel_title::text, c.open_channel_description::text,
        c.closed_channel_id::text, c.closed_channel_title::text, c.closed_channel_description::text,
        c.closed_channel_donation_message::text,
        c.sub_1_price::numeric, c.sub_1_time::bigint,
        c.sub_2_price::numeric, c.sub_2_time::bigint,
        c.sub_3_price::numeric, c.sub_3_time::bigint
    FROM broadcast.deliveries AS d
    INNER JOIN public.broadcast_manager AS b ON d.broadcast_id = b.id
    INNER JOIN public.main_clients_database AS c
        ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    WHERE d.id = channel_to_send.delivery_id;
END;
$$;

COMMENT ON FUNCTION broadcast.channel_to_send(bigint) IS
'The channel of a delivery as it is now, from which its messages are made; no row where it was deleted, '
'BM016 where it cannot be advertised.';
REVOKE ALL ON FUNCTION broadcast.channel_to_send(bigint) FROM public;
