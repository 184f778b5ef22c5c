CREATE OR REPLACE FUNCTION public.checked_channel(channel public.main_clients_database, fields jsonb)
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
    ) AND channel.notification_status AND coalesce(channel.notification_id, 0) NOT BETWEEN 10000 AND 999999999999999
    THEN
        problems := '{"notification_id": "must have 5 to 15 digits when notifications are on"}' || problems;
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
        IF coalesce(price, 0) <= 0 THEN
            problems := jsonb_build_object(
                format('sub_%s_price', tier), format('must be above 0: tier %s needs a price', tier)
            ) || problems;
        END IF;
        IF coalesce(days, 0) <= 0 THEN
            problems := jsonb_build_object(
                format('sub_%s_time', tier), format('must be above 0: tier %s needs a number of days', tier)
            ) || problems;
        END IF;
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

COMMENT ON FUNCTION public.checked_channel(public.main_clients_database, jsonb) IS
'The channel with these fields changed, each in its column''s type; BM006 names every field that is wrong.';
REVOKE ALL ON FUNCTION public.checked_channel(public.main_clients_database, jsonb) FROM public;

CREATE OR REPLACE FUNCTION public.own_channel(client_id uuid, open_channel_id text, closed_channel_id text)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
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

COMMENT ON FUNCTION public.own_channel(uuid, text, text) IS
'The closed channel id of the client''s one channel with this open id, and this closed id where one is given.';
REVOKE ALL ON FUNCTION public.own_channel(uuid, text, text) FROM public;

CREATE OR REPLACE FUNCTION public.register_channel(client_id uuid, created_by text, channel jsonb)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    defaults public.main_clients_database;
    c public.main_clients_database;
    max_channels constant integer := (SELECT s.max_channels_per_client FROM public.broadcast_manager_settings AS s);
BEGIN
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        -- It would count what was there before the wait for the owner's row.
        RAISE EXCEPTION 'register_channel() can not hold the limit in REPEATABLE READ'
        USING ERRCODE = '0A000', HINT = 'Use READ COMMITTED or SERIALIZABLE.';
    END IF;
    defaults.payout_strategy := 'instant';
    defaults.notification_status := false;
    c := public.checked_channel(defaults, channel);

    -- One registration of a client after the other, so that each counts those before it.
    PERFORM FROM public.registered_users AS u WHERE u.user_id = register_channel.client_id FOR NO KEY UPDATE;
    IF (
        SELECT count(*) FROM public.main_clients_database AS m WHERE m.client_id = register_channel.client_id
    ) >= max_channels THEN
        RAISE EXCEPTION 'a client can have % channels', max_channels
        USING ERRCODE = 'BM001', DETAIL = jsonb_build_object('max_channels', max_channels)::text,
            HINT = 'Delete a channel first, or raise max_channels_per_client in broadcast_manager_settings.';
    END IF;

    INSERT INTO public.main_clients_database (
        open_channel_id, open_channel_title, open_channel_description,
        closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
        sub_1_price, sub_1_time, sub_2_price, sub_2_time, sub_3_price, sub_3_time,
        client_wallet_address, client_payout_currency, client_payout_network,
        payout_strategy, payout_threshold_usd, payout_threshold_updated_at,
        client_id, created_by, notification_status, notification_id
    )
    VALUES (
        c.open_channel_id, c.open_channel_title, c.open_channel_description,
        c.closed_channel_id, c.closed_channel_title, c.closed_channel_description, c.closed_channel_donation_message,
        c.sub_1_price, c.sub_1_time, c.sub_2_price, c.sub_2_time, c.sub_3_price, c.sub_3_time,
        c.client_wallet_address, c.client_payout_currency, c.client_payout_network,
        c.payout_strategy, c.payout_threshold_usd, c.payout_threshold_updated_at,
        register_channel.client_id, register_channel.created_by, c.notification_status, c.notification_id
    );
    RETURN (
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    );
END;
$$;

COMMENT ON FUNCTION public.register_channel(uuid, text, jsonb) IS
'Registers a channel for a client, within the limit, and gives the broadcast_id that the database made for it.';
REVOKE ALL ON FUNCTION public.register_channel(uuid, text, jsonb) FROM public;

CREATE OR REPLACE FUNCTION public.update_channel(
    client_id uuid, open_channel_id text, closed_channel_id text, changes jsonb
)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_closed_channel_id constant text := public.own_channel(client_id, open_channel_id, closed_channel_id);
    c public.main_clients_database;
BEGIN
    SELECT m.* INTO c FROM public.main_clients_database AS m
    WHERE m.client_id = update_channel.client_id
        AND m.open_channel_id = update_channel.open_channel_id AND m.closed_channel_id = own_closed_channel_id
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
    END IF;
    c := public.checked_channel(c, changes);
    UPDATE public.main_clients_database AS m
    SET open_channel_id = c.open_channel_id,
        open_channel_title = c.open_channel_title,
        open_channel_description = c.open_channel_description,
        closed_channel_id = c.closed_channel_id,
        closed_channel_title = c.closed_channel_title,
        closed_channel_description = c.closed_channel_description,
        closed_channel_donation_message = c.closed_channel_donation_message,
        sub_1_price = c.sub_1_price,
        sub_1_time = c.sub_1_time,
        sub_2_price = c.sub_2_price,
        sub_2_time = c.sub_2_time,
        sub_3_price = c.sub_3_price,
        sub_3_time = c.sub_3_time,
        client_wallet_address = c.client_wallet_address,
        client_payout_currency = c.client_payout_currency,
        client_payout_network = c.client_payout_network,
        payout_strategy = c.payout_strategy,
        payout_threshold_usd = c.payout_threshold_usd,
        payout_threshold_updated_at = c.payout_threshold_updated_at,
        notification_status = c.notification_status,
        notification_id = c.notification_id,
        updated_at = now()
    WHERE m.open_channel_id = update_channel.open_channel_id AND m.closed_channel_id = own_closed_channel_id;
    RETURN (
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
    );
END;
$$;

COMMENT ON FUNCTION public.update_channel(uuid, text, text, jsonb) IS
'Changes the given fields of a client''s channel; gives its broadcast_id, which stays when the pair changes.';
REVOKE ALL ON FUNCTION public.update_channel(uuid, text, text, jsonb) FROM public;

CREATE OR REPLACE FUNCTION public.delete_channel(client_id uuid, open_channel_id text, closed_channel_id text)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_closed_channel_id constant text := public.own_channel(client_id, open_channel_id, closed_channel_id);
    broadcast_id constant uuid := (
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = delete_channel.open_channel_id AND b.closed_channel_id = own_closed_channel_id
    );
BEGIN
    DELETE FROM public.main_clients_database AS m
    WHERE m.client_id = delete_channel.client_id
        AND m.open_channel_id = delete_channel.open_channel_id AND m.closed_channel_id = own_closed_channel_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
    END IF;
    RETURN broadcast_id;
END;
$$;

COMMENT ON FUNCTION public.delete_channel(uuid, text, text) IS
'Deletes a client''s channel; gives the broadcast_id of the row that the database removed with it.';
REVOKE ALL ON FUNCTION public.delete_channel(uuid, text, text) FROM public;
