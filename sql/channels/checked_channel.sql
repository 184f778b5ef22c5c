CREATE OR REPLACE FUNCTION broadcast.checked_channel(channel public.main_clients_database, fields jsonb)
RETURNS public.main_clients_database
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before constant public.main_clients_database := channel;
    is_new constant boolean := channel.client_id IS NULL;
    tiers constant text := fields ->> 'tier_count';
    telegram_channel_id constant text := '^-100[0-9]{6,10}$';
    field text;
    last_tier integer;
    price numeric;
    days integer;
    problems jsonb := '{}';
BEGIN
    IF jsonb_typeof(fields) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'a channel is a JSON object' USING ERRCODE = '22023';
    END IF;
    -- What nobody may set by hand stays as it is.
    fields := fields - ARRAY['id', 'client_id', 'created_by', 'updated_at', 'payout_threshold_updated_at'];
    IF tiers IN ('1', '2') THEN
        fields := fields || '{"sub_3_price": null, "sub_3_time": null}';
    END IF;
    IF tiers = '1' THEN
        fields := fields || '{"sub_2_price": null, "sub_2_time": null}';
    END IF;

    -- Each value takes the type that its column has in this database: varchar or text, enum or text.
    BEGIN
        channel := jsonb_populate_record(channel, fields);
    EXCEPTION WHEN data_exception THEN
        FOR field IN SELECT jsonb_object_keys(fields) LOOP
            BEGIN
                PERFORM jsonb_populate_record(channel, jsonb_build_object(field, fields -> field));
            EXCEPTION WHEN data_exception THEN
                problems := problems || jsonb_build_object(field, SQLERRM);
            END;
        END LOOP;
        channel := jsonb_populate_record(
            channel, fields - ARRAY(SELECT jsonb_object_keys(problems))
        );
    END;

    -- numeric knows NaN, which is above every price.
    problems := problems || (
        SELECT coalesce(jsonb_object_agg(n.field, 'must be a number'), '{}')
        FROM (
            VALUES ('sub_1_price', channel.sub_1_price), ('sub_2_price', channel.sub_2_price), ('sub_3_price', channel.sub_3_price),
                ('payout_threshold_usd', channel.payout_threshold_usd)
        ) AS n (field, value)
        WHERE fields ? n.field AND n.value = 'NaN'
    );

    -- Asked of what changes only: a channel that was registered under other rules can still be edited.
    IF (is_new OR channel.open_channel_id IS DISTINCT FROM before.open_channel_id)
        AND coalesce(channel.open_channel_id, '') !~ telegram_channel_id
    THEN
        problems := '{"open_channel_id": "must begin with -100 and have 10 to 14 characters"}' || problems;
    END IF;
    IF (is_new OR channel.closed_channel_id IS DISTINCT FROM before.closed_channel_id)
        AND coalesce(channel.closed_channel_id, '') !~ telegram_channel_id
    THEN
        problems := '{"closed_channel_id": "must begin with -100 and have 10 to 14 characters"}' || problems;
    ELSIF channel.open_channel_id = channel.closed_channel_id AND (
        is_new OR channel.open_channel_id IS DISTINCT FROM before.open_channel_id
        OR channel.closed_channel_id IS DISTINCT FROM before.closed_channel_id
    ) THEN
        problems := '{"closed_channel_id": "must differ from the open channel''s"}' || problems;
    END IF;
    IF (is_new OR channel.closed_channel_donation_message IS DISTINCT FROM before.closed_channel_donation_message)
        AND length(btrim(coalesce(channel.closed_channel_donation_message, ''), E' \t\r\n')) NOT BETWEEN 10 AND 256
    THEN
        problems := '{"closed_channel_donation_message": "must have 10 to 256 characters, blanks around it not counted"}'
            || problems;
    END IF;
    IF tiers NOT IN ('1', '2', '3') THEN
        problems := '{"tier_count": "must be 1, 2 or 3"}' || problems;
    END IF;
    IF (is_new OR channel.payout_strategy IS DISTINCT FROM before.payout_strategy)
        AND coalesce(channel.payout_strategy, '') NOT IN ('instant', 'threshold')
    THEN
        problems := '{"payout_strategy": "must be instant or threshold"}' || problems;
    END IF;
    IF (
        is_new OR channel.payout_strategy IS DISTINCT FROM before.payout_strategy
        OR channel.payout_threshold_usd IS DISTINCT FROM before.payout_threshold_usd
    ) AND channel.payout_strategy = 'threshold' AND coalesce(channel.payout_threshold_usd, 0) <= 0
    THEN
        problems := '{"payout_threshold_usd": "must be above 0 with the payout strategy threshold"}' || problems;
    END IF;
    IF (
        is_new OR channel.notification_status IS DISTINCT FROM before.notification_status
        OR channel.notification_id IS DISTINCT FROM before.notification_id
    ) AND channel.notification_status::boolean
        AND coalesce(channel.notification_id::bigint, 0) NOT BETWEEN 10000 AND 999999999999999
    THEN
        problems := '{"notification_id": "must have 5 to 15 digits when notifications are on"}' || problems;
    END IF;

    IF (
        is_new OR channel.client_payout_currency IS DISTINCT FROM before.client_payout_currency
        OR channel.client_payout_network IS DISTINCT FROM before.client_payout_network
    ) AND EXISTS (SELECT FROM broadcast.currency_network_pairs()) THEN
        IF NOT EXISTS (
            SELECT FROM broadcast.currency_network_pairs() AS p WHERE p.currency = channel.client_payout_currency::text
        ) THEN
            problems := '{"client_payout_currency": "is none of the currencies that are paid out"}' || problems;
        ELSIF NOT EXISTS (
            SELECT FROM broadcast.currency_network_pairs() AS p
            WHERE p.currency = channel.client_payout_currency::text AND p.network = channel.client_payout_network::text
        ) THEN
            problems := '{"client_payout_network": "is none of the networks on which this currency is paid out"}'
                || problems;
        END IF;
    END IF;

    -- A tier is a price and a number of days; none is left out between two.
    last_tier := CASE
        WHEN tiers IN ('1', '2', '3') THEN tiers::integer
        WHEN num_nonnulls(channel.sub_3_price, channel.sub_3_time) > 0 THEN 3
        WHEN num_nonnulls(channel.sub_2_price, channel.sub_2_time) > 0 THEN 2
        ELSE 1
    END;
    FOR tier IN 1..last_tier LOOP
        price := (ARRAY[channel.sub_1_price, channel.sub_2_price, channel.sub_3_price])[tier];
        days := (ARRAY[channel.sub_1_time, channel.sub_2_time, channel.sub_3_time])[tier];
        CONTINUE WHEN price > 0 AND days > 0;
        CONTINUE WHEN NOT is_new AND tiers IS NULL
            AND price IS NOT DISTINCT FROM (ARRAY[before.sub_1_price, before.sub_2_price, before.sub_3_price])[tier]
            AND days IS NOT DISTINCT FROM (ARRAY[before.sub_1_time, before.sub_2_time, before.sub_3_time])[tier];
        problems := jsonb_strip_nulls(jsonb_build_object(
            format('sub_%s_price', tier),
            CASE WHEN coalesce(price, 0) <= 0 THEN format('must be above 0: tier %s needs a price', tier) END,
            format('sub_%s_time', tier),
            CASE WHEN coalesce(days, 0) <= 0 THEN format('must be above 0: tier %s needs a number of days', tier) END
        )) || problems;
    END LOOP;

    IF problems <> '{}' THEN
        RAISE EXCEPTION 'the channel''s fields are not valid'
        USING ERRCODE = 'BM006', DETAIL = problems::text, HINT = 'The detail names each field with what it must be.';
    END IF;
    IF channel.payout_threshold_usd IS DISTINCT FROM before.payout_threshold_usd THEN
        channel.payout_threshold_updated_at := now();
    END IF;
    RETURN channel;
END;
$$;

COMMENT ON FUNCTION broadcast.checked_channel(public.main_clients_database, jsonb) IS
'The channel with these fields changed, each in its column''s type; BM006 names every field that is wrong.';
REVOKE ALL ON FUNCTION broadcast.checked_channel(public.main_clients_database, jsonb) FROM public;
