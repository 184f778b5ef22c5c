CREATE OR REPLACE FUNCTION broadcast.update_channel(
    client_id uuid, open_channel_id text, closed_channel_id text, changes jsonb
)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    own_closed_channel_id constant text := broadcast.own_channel(client_id, open_channel_id, closed_channel_id);
    changed public.main_clients_database;
BEGIN
    SELECT c.* INTO changed FROM public.main_clients_database AS c
    WHERE c.client_id = update_channel.client_id
        AND c.open_channel_id = update_channel.open_channel_id AND c.closed_channel_id = own_closed_channel_id
    FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no channel %', open_channel_id USING ERRCODE = 'BM007';
    END IF;
    changed := broadcast.checked_channel(changed, changes);
    UPDATE public.main_clients_database AS c
    SET open_channel_id = changed.open_channel_id,
        open_channel_title = changed.open_channel_title,
        open_channel_description = changed.open_channel_description,
        closed_channel_id = changed.closed_channel_id,
        closed_channel_title = changed.closed_channel_title,
        closed_channel_description = changed.closed_channel_description,
        closed_channel_donation_message = changed.closed_channel_donation_message,
        sub_1_price = changed.sub_1_price,
        sub_1_time = changed.sub_1_time,
        sub_2_price = changed.sub_2_price,
        sub_2_time = changed.sub_2_time,
        sub_3_price = changed.sub_3_price,
        sub_3_time = changed.sub_3_time,
        client_wallet_address = changed.client_wallet_address,
        client_payout_currency = changed.client_payout_currency,
        client_payout_network = changed.client_payout_network,
        payout_strategy = changed.payout_strategy,
        payout_threshold_usd = changed.payout_threshold_usd,
        payout_threshold_updated_at = changed.payout_threshold_updated_at,
        notification_status = changed.notification_status,
        notification_id = changed.notification_id,
        updated_at = now()
    WHERE c.open_channel_id = update_channel.open_channel_id AND c.closed_channel_id = own_closed_channel_id;
    RETURN (
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.open_channel_id = changed.open_channel_id AND b.closed_channel_id = changed.closed_channel_id
    );
END;
$$;

COMMENT ON FUNCTION broadcast.update_channel(uuid, text, text, jsonb) IS
'Changes the given fields of a client''s channel; gives its broadcast_id, which stays when the pair changes.';
REVOKE ALL ON FUNCTION broadcast.update_channel(uuid, text, text, jsonb) FROM public;
