-- What `make serve` shows on its first start: two clients, an operator, and channels with broadcasts in each state.
-- People, addresses and wallets are made up. The hash of the password is given by the setting demo.password_hash.

INSERT INTO public.registered_users (user_id, username, email, password_hash, email_verified, created_at)
SELECT
    u.user_id::uuid,
    u.username,
    u.email,
    current_setting('demo.password_hash'),
    TRUE,
    now() - u.days_here * interval '1 day'
FROM (
    VALUES
    ('7e1018e4-5644-4031-a05c-4166cc877264', 'mara.kessler', 'mara.kessler@example.org', 41),
    ('0f6c1d52-8a3e-4b57-9d10-5b7a2f3c9e81', 'andreas_lindqvist', 'andreas@example.net', 388),
    ('d2f0b7c4-63a9-4e18-8c5d-97e1f4a02b36', 'operator', 'operator@example.org', 400)
) AS u (user_id, username, email, days_here);

INSERT INTO broadcast.operators (user_id)
VALUES ('d2f0b7c4-63a9-4e18-8c5d-97e1f4a02b36');

INSERT INTO public.main_clients_database (
    open_channel_id, open_channel_title, open_channel_description,
    closed_channel_id, closed_channel_title, closed_channel_description,
    closed_channel_donation_message,
    sub_1_price, sub_1_time, sub_2_price, sub_2_time, sub_3_price, sub_3_time,
    client_wallet_address, client_payout_currency, client_payout_network,
    payout_strategy, payout_threshold_usd, client_id, created_by
)
SELECT
    c.open_id,
    c.open_title,
    c.open_description,
    c.closed_id,
    c.closed_title,
    c.closed_description,
    c.donation_message,
    c.price_1,
    c.days_1,
    c.price_2,
    c.days_2,
    c.price_3,
    c.days_3,
    '0x71C7656EC7ab88b098defB751B7401B5f6d8976F',
    'USDT',
    'ETH',
    c.strategy,
    c.threshold,
    u.user_id,
    u.username
FROM (
    VALUES
    (
        'mara.kessler',
        '-1003268562225', 'Frühaufsteher-Signale',
        'Was sich über Nacht bewegt hat, jeden Morgen um 6:45 – kostenlos.',
        '-1003253338212', 'Frühaufsteher intern',
        'Einstieg, Ausstieg, Stopp: jede Position mit Begründung.',
        'Wenn das Frühstück heute auf uns ging, freuen wir uns über einen Kaffee. ☕',
        5.00, 30, 12.50, 90, 39.00, 365, 'instant', NULL::numeric
    ),
    (
        'mara.kessler',
        '-1003301774906', 'DAX vor neun',
        'Die drei Marken, die heute zählen.',
        '-1003288120457', 'DAX vor neun: Premium',
        'Live-Kommentar von 8:55 bis 11:00 Uhr, Fragen erlaubt.',
        'Danke, dass ihr das möglich macht!',
        9.99, 30, NULL, NULL, NULL, NULL, 'threshold', 100.00
    ),
    (
        'mara.kessler',
        '-1003317460183', 'Optionen für Geduldige',
        'Stillhalter-Ideen mit Rechenweg, ohne Hektik.',
        '-1003290655318', 'Optionen: das Depot',
        'Jede Order am selben Tag, mit Margin und Plan B.',
        'Geduld zahlt sich aus – und ein Trinkgeld freut uns.',
        24.00, 30, 65.00, 90, 220.00, 365, 'instant', NULL
    ),
    (
        'mara.kessler',
        '-1003344198027', 'Zinsen am Freitag',
        'Was die Notenbanken diese Woche gesagt haben, und was nicht.',
        '-1003360512984', 'Zinsen: die Leiter',
        'Laufzeiten, Kupons und unsere Käufe, jeden Freitag um 16 Uhr.',
        'Ein kleiner Zins für die Redaktion?',
        7.00, 30, 19.00, 90, NULL, NULL, 'instant', NULL
    ),
    (
        'andreas_lindqvist',
        '-1003339047569', 'Nordic Swing Trades',
        'Two or three setups a week on Stockholm and Oslo small caps.',
        '-1003391307269', 'Nordic Swing, members',
        'Positions, sizing and the weekly post-mortem.',
        'A beer after a green week is always welcome.',
        15.00, 30, 40.00, 90, NULL, NULL, 'instant', NULL
    ),
    (
        'andreas_lindqvist',
        '-1002186764262', 'Elpriset idag',
        'Morgondagens spotpris i alla fyra elområden.',
        '-1001719337521', 'Elpriset: styrning',
        'När bilen, värmepumpen och bastun ska gå, timme för timme.',
        'Sparade du på tvätten? Bjud på en kanelbulle.',
        1.49, 30, 12.00, 365, NULL, NULL, 'instant', NULL
    )
) AS c (
    owner, open_id, open_title, open_description, closed_id, closed_title, closed_description, donation_message,
    price_1, days_1, price_2, days_2, price_3, days_3, strategy, threshold
)
INNER JOIN public.registered_users AS u ON c.owner = u.username;

-- The database has made the broadcast rows; this is the past that they would have by now.
UPDATE public.broadcast_manager AS b
SET
    broadcast_status = s.status,
    last_sent_time = now() + s.last_sent,
    next_send_time = now() + s.next_send,
    total_broadcasts = s.sent + s.failed,
    successful_broadcasts = s.sent,
    failed_broadcasts = s.failed,
    consecutive_failures = s.in_a_row,
    last_error_message = s.error,
    last_error_time = now() + s.error_at
FROM (
    VALUES
    (
        '-1003268562225', 'completed', interval '-5 hours', interval '19 hours', 41, 0, 0,
        NULL, NULL::interval
    ),
    (
        '-1003301774906', 'failed', interval '-2 days', interval '6 hours', 12, 2, 2,
        'The bot is not an administrator of the closed channel', interval '-20 minutes'
    ),
    (
        '-1003317460183', 'pending', interval '-9 days', interval '-4 days', 6, 5, 5,
        'Chat not found: the bot was removed from the open channel', interval '-4 days'
    ),
    (
        '-1003344198027', 'pending', NULL, interval '2 days', 0, 0, 0,
        NULL, NULL
    ),
    (
        '-1003339047569', 'completed', interval '-3 hours', interval '21 hours', 207, 1, 0,
        'Too Many Requests: retry after 17', interval '-38 days'
    ),
    (
        '-1002186764262', 'completed', interval '-12 hours', interval '12 hours', 388, 0, 0,
        NULL, NULL
    )
) AS s (open_id, status, last_sent, next_send, sent, failed, in_a_row, error, error_at)
WHERE b.open_channel_id = s.open_id;

SELECT broadcast.switch_off(b.id, 'failures')
FROM public.broadcast_manager AS b
WHERE b.consecutive_failures >= 5;

-- Five failures in a row are a matter of half a minute here, not of an hour and a quarter.
UPDATE broadcast.settings
SET retry_pause = '2 seconds', max_retry_pause = '10 seconds';
