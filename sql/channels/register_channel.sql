CREATE OR REPLACE FUNCTION broadcast.register_channel(client_id uuid, created_by text, channel jsonb)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
AS $$
DECLARE
    defaults public.main_clients_database;
    checked public.main_clients_database;
    made uuid;
    first_send constant text := channel ->> 'first_send';
    first_time timestamptz;
    max_channels constant integer := (SELECT s.max_channels_per_client FROM broadcast.settings AS s);
BEGIN
    IF current_setting('transaction_isolation') = 'repeatable read' THEN
        -- It would count what was there before the wait for the owner's row.
        RAISE EXCEPTION 'register_channel() cannot hold the limit in REPEATABLE READ'
        USING ERRCODE = '0A000', HINT = 'Use READ COMMITTED or SERIALIZABLE.';
    END IF;
    defaults.payout_strategy := 'instant';
    defaults.notification_status := false;
    checked := broadcast.checked_channel(defaults, channel);

    -- One registration of a client after the other, so that each counts those before it.
    PERFORM FROM public.registered_users AS u WHERE u.user_id = register_channel.client_id FOR NO KEY UPDATE;
    IF (
        SELECT count(*) FROM public.main_clients_database AS c WHERE c.client_id = register_channel.client_id
    ) >= max_channels THEN
        RAISE EXCEPTION 'a client can have % channels', max_channels
        USING ERRCODE = 'BM001', DETAIL = jsonb_build_object('max_channels', max_channels)::text,
            HINT = 'Delete a channel first, or raise max_channels_per_client in broadcast.settings.';
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
        checked.open_channel_id, checked.open_channel_title, checked.open_channel_description,
        checked.closed_channel_id, checked.closed_channel_title, checked.closed_channel_description,
        checked.closed_channel_donation_message,
        checked.sub_1_price, checked.sub_1_time, checked.sub_2_price, checked.sub_2_time,
        checked.sub_3_price, checked.sub_3_time,
        checked.client_wallet_address, checked.client_payout_currency, checked.client_payout_network,
        checked.payout_strategy, checked.payout_threshold_usd, checked.payout_threshold_updated_at,
        register_channel.client_id, register_channel.created_by, checked.notification_status, checked.notification_id
    );
    SELECT b.id INTO made FROM public.broadcast_manager AS b
    WHERE b.open_channel_id = checked.open_channel_id AND b.closed_channel_id = checked.closed_channel_id;
    IF jsonb_typeof(channel -> 'schedule') = 'object' THEN
        PERFORM broadcast.store_schedule(made, channel -> 'schedule');
    END IF;
    -- Without a word on it, it is due at once, as every other client's is.
    IF first_send IS NOT NULL THEN
        first_time := CASE first_send
            WHEN 'next_turn' THEN broadcast.next_turn(made, now(), now())
            ELSE greatest(broadcast.moment_of(first_send), now())
        END;
        UPDATE public.broadcast_manager AS b SET next_send_time = first_time WHERE b.id = made;
    END IF;
    RETURN made;
END;
$$;

COMMENT ON FUNCTION broadcast.register_channel(uuid, text, jsonb) IS
'Registers a channel for a client, within the limit, and gives the broadcast_id that the database made for it. With '
'schedule as store_schedule() takes it, and first_send: next_turn or a moment; due at once where it is not given.';
REVOKE ALL ON FUNCTION broadcast.register_channel(uuid, text, jsonb) FROM public;
