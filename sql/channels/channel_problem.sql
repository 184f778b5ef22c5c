CREATE OR REPLACE FUNCTION broadcast.channel_problem(c public.main_clients_database)
RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE
        WHEN btrim(c.closed_channel_donation_message::text) <> '' IS NOT TRUE THEN 'it has no donation message'
        WHEN (
            (c.sub_1_price::numeric > 0 AND c.sub_1_price::numeric < 'Infinity' AND c.sub_1_time::bigint > 0)
            OR (c.sub_2_price::numeric > 0 AND c.sub_2_price::numeric < 'Infinity' AND c.sub_2_time::bigint > 0)
            OR (c.sub_3_price::numeric > 0 AND c.sub_3_price::numeric < 'Infinity' AND c.sub_3_time::bigint > 0)
        ) IS NOT TRUE THEN 'it has no tier with a price and a number of days'
    END;
$$;

COMMENT ON FUNCTION broadcast.channel_problem(public.main_clients_database) IS
'Why a channel cannot be advertised, as the end of a sentence; NULL where it can.';
REVOKE ALL ON FUNCTION broadcast.channel_problem(public.main_clients_database) FROM public;
