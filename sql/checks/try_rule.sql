CREATE OR REPLACE FUNCTION broadcast.try_rule()
RETURNS TABLE (step text, is_done boolean, detail text, error_code text, trigger_name text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
#variable_conflict use_variable
DECLARE
    steps constant text [] := ARRAY[
        'A channel is inserted',
        'Its broadcast row is there',
        'COMMIT would take it',
        'Its pair changes, and the row follows',
        'It is deleted, and the row with it'
    ];
    done integer := 0;
    details text [] := '{}';
    open_id constant text := '-100' || lpad(floor(random() * 1e10)::bigint::text, 10, '0');
    closed_id constant text := '-100' || lpad(floor(random() * 1e10)::bigint::text, 10, '0');
    moved_id constant text := '-100' || lpad(floor(random() * 1e10)::bigint::text, 10, '0');
    client constant uuid := (SELECT u.user_id FROM public.registered_users AS u LIMIT 1);
    example public.main_clients_database;
    found uuid;
    followed uuid;
    message text;
    error_detail text;
    hint text;
    context text;
    code text;
BEGIN
    BEGIN
        -- Whatever other columns there are have values that are allowed where a channel has them.
        SELECT c.* INTO example FROM public.main_clients_database AS c LIMIT 1;
        example := jsonb_populate_record(example, jsonb_build_object(
            'client_id', client,
            'open_channel_id', open_id, 'open_channel_title', 'Trial', 'open_channel_description', 'Trial',
            'closed_channel_id', closed_id, 'closed_channel_title', 'Trial', 'closed_channel_description', 'Trial',
            'closed_channel_donation_message', 'Trial',
            'sub_1_price', 5, 'sub_1_time', 30, 'client_wallet_address', '0x0', 'payout_strategy', 'instant',
            'client_payout_currency', coalesce(example.client_payout_currency::text, 'USDT'),
            'client_payout_network', coalesce(example.client_payout_network::text, 'ETH')
        ));
        INSERT INTO public.main_clients_database (
            client_id, open_channel_id, open_channel_title, open_channel_description,
            closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
            sub_1_price, sub_1_time, client_wallet_address, client_payout_currency, client_payout_network,
            payout_strategy
        )
        VALUES (
            example.client_id, example.open_channel_id, example.open_channel_title, example.open_channel_description,
            example.closed_channel_id, example.closed_channel_title, example.closed_channel_description,
            example.closed_channel_donation_message,
            example.sub_1_price, example.sub_1_time, example.client_wallet_address, example.client_payout_currency,
            example.client_payout_network, example.payout_strategy
        );
        done := 1;
        details := details || format('pair (%s, %s) of user %s', open_id, closed_id, client);

        found := (
            SELECT b.id FROM public.broadcast_manager AS b
            WHERE b.open_channel_id = open_id AND b.closed_channel_id = closed_id AND b.client_id = client
        );
        IF found IS NULL THEN
            RAISE EXCEPTION 'no broadcast row was created'
            USING HINT = 'broadcast-manager doctor names what is missing.';
        END IF;
        done := 2;
        details := details || format('broadcast_id %s', found);

        SET CONSTRAINTS ALL IMMEDIATE;
        done := 3;
        details := details || 'every deferred key holds'::text;
        SET CONSTRAINTS ALL DEFERRED;

        UPDATE public.main_clients_database AS c
        SET closed_channel_id = moved_id
        WHERE c.open_channel_id = open_id AND c.closed_channel_id = closed_id;
        followed := (
            SELECT b.id FROM public.broadcast_manager AS b
            WHERE b.open_channel_id = open_id AND b.closed_channel_id = moved_id
        );
        IF followed IS DISTINCT FROM found THEN
            RAISE EXCEPTION 'the broadcast row did not follow'
            USING HINT = 'broadcast-manager doctor names what is missing.';
        END IF;
        done := 4;
        details := details || format('the same broadcast_id, now for %s', moved_id);

        DELETE FROM public.main_clients_database AS c
        WHERE c.open_channel_id = open_id AND c.closed_channel_id = moved_id;
        IF EXISTS (SELECT FROM public.broadcast_manager AS b WHERE b.id = found) THEN
            RAISE EXCEPTION 'the broadcast row is still there'
            USING HINT = 'broadcast-manager doctor names what is missing.';
        END IF;
        done := 5;
        details := details || 'nothing of it is left'::text;

        -- Takes everything back, whatever happened.
        RAISE EXCEPTION 'tried';
    EXCEPTION
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS
                message = MESSAGE_TEXT, error_detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT,
                context = PG_EXCEPTION_CONTEXT, code = RETURNED_SQLSTATE;
    END;

    FOR number IN 1 .. done LOOP
        RETURN QUERY SELECT steps[number], TRUE, details[number], NULL::text, NULL::text;
    END LOOP;
    IF done < cardinality(steps) THEN
        RETURN QUERY
        SELECT
            steps[done + 1],
            FALSE,
            concat_ws(' ', message, nullif(error_detail, ''), nullif(hint, '')),
            code,
            -- The function where it went wrong stands first in the context, and its trigger in the catalogue.
            (
                SELECT format('%s on %s', t.tgname, t.tgrelid::regclass)
                FROM pg_trigger AS t
                INNER JOIN pg_proc AS p ON t.tgfoid = p.oid
                WHERE NOT t.tgisinternal
                    AND t.tgrelid IN (
                        'public.main_clients_database'::regclass, 'public.broadcast_manager'::regclass
                    )
                    AND position(p.proname || '()' IN context) > 0
                ORDER BY position(p.proname || '()' IN context), t.tgname
                LIMIT 1
            );
    ELSE
        RETURN QUERY SELECT
            'Everything is taken back'::text,
            NOT EXISTS (
                SELECT FROM public.main_clients_database AS c
                WHERE c.open_channel_id = open_id
            ),
            'nothing was changed'::text,
            NULL::text,
            NULL::text;
    END IF;
END;
$$;

COMMENT ON FUNCTION broadcast.try_rule() IS
'Inserts a channel, reads its id, edits and deletes it, takes all of it back and tells each step, or the error with '
'its SQLSTATE and the trigger that it came from.';
REVOKE ALL ON FUNCTION broadcast.try_rule() FROM public;
