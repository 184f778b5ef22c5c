\set ON_ERROR_STOP on
\set QUIET on

BEGIN;

-- Columns are separated by tabs. '!' is a hash that no password has.
COPY registered_users (user_id, username, email, password_hash) FROM STDIN;
8f2c6f0e-52a1-4f0b-9d5e-0c8f1f1f7a31	example_copy	copy@example.org	!
\.

COPY main_clients_database (
    open_channel_id, open_channel_title, open_channel_description,
    closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
    sub_1_price, sub_1_time,
    client_wallet_address, client_payout_currency, client_payout_network,
    client_id
) FROM STDIN;
-1003420017345	The DAX before nine	Three levels, one chart.	-1003436602288	The DAX, inside	Orders and stops.	Up today? So are we, thanks to you.	12.50	30	bc1q5x7n0c2v4m6t8r1y3e5w7p9s2d4f6g8h0j3k5l	BTC	BTC	8f2c6f0e-52a1-4f0b-9d5e-0c8f1f1f7a31
\.

SELECT id AS broadcast_id
FROM broadcast_manager
WHERE open_channel_id = '-1003420017345' AND closed_channel_id = '-1003436602288' \gset

COMMIT;

\echo broadcast_id: :broadcast_id
