CREATE OR REPLACE FUNCTION broadcast.update_channel(
    client_id uuid, open_channel_id text, closed_channel_id text, changes jsonb
)
RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own_closed_channel_id constant text := broadcast.own_channel(client_id, open_channel_id, closed_channel_id);
    c public.main_clients_database;
BEGIN
    SELECT m.* INTO c FROM public.main_clients_database AS m
    WHERE m.client_id = update_channel.client_id
        AND m.open_channel_id = update_channel.open_channel_id AND m.closed_channel_id = own_closed_channel_id
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
    END IF;
    c := broadcast.checked_channel(c, changes);
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

COMMENT ON FUNCTION broadcast.update_channel(uuid, text, text, jsonb) IS
'Changes the given fields of a client''s channel; gives its broadcast_id, which stays when the pair changes.';
REVOKE ALL ON FUNCTION broadcast.update_channel(uuid, text, text, jsonb) FROM public;
