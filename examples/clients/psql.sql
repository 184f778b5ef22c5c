\set ON_ERROR_STOP on
\set QUIET on

BEGIN;

-- '!' is a hash that no password has.
INSERT INTO registered_users (username, email, password_hash)
VALUES ('example_psql', 'psql@example.org', '!')
RETURNING user_id \gset

INSERT INTO main_clients_database (
    open_channel_id, open_channel_title, open_channel_description,
    closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
    sub_1_price, sub_1_time,
    client_wallet_address, client_payout_currency, client_payout_network,
    client_id
) VALUES (
    '-1003411872056', 'Morning signals', 'What moved over night.',
    '-1003426650913', 'Morning signals, inside', 'Entries, exits and the reasons.', 'Buy us a breakfast?',
    5.00, 30,
    '0x71C7656EC7ab88b098defB751B7401B5f6d8976F', 'USDT', 'ETH',
    :'user_id'
);

SELECT id AS broadcast_id
FROM broadcast_manager
WHERE open_channel_id = '-1003411872056' AND closed_channel_id = '-1003426650913' \gset

COMMIT;

\echo broadcast_id: :broadcast_id
