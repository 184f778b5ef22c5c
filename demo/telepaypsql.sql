-- What the demo finds in the existing database (existing_schema.sql comes first), in its bad state: channels registered
-- since last year's one-time script have no broadcast row, and there are rows whose channels are gone.

-- People, addresses and wallets are made up, and no password fits these hashes.
INSERT INTO public.registered_users (
    user_id, username, email, password_hash, is_active, email_verified, created_at, updated_at, last_login
)
SELECT
    u.user_id::uuid,
    u.username,
    u.email,
    '$2b$12$' || rpad('DemoDataOnly.NotARealHash.NoPasswordFitsThis', 53, '.'),
    u.is_active,
    TRUE,
    now() - u.days_here * interval '1 day',
    now() - u.days_away * interval '1 day',
    now() - u.days_away * interval '1 day'
FROM (
    VALUES
    ('7e1018e4-5644-4031-a05c-4166cc877264', 'mara.kessler', 'mara.kessler@example.org', 41, 1, TRUE),
    ('0f6c1d52-8a3e-4b57-9d10-5b7a2f3c9e81', 'andreas_lindqvist', 'andreas@example.net', 388, 3, TRUE),
    ('2b9e7a40-16cd-4f0a-8e35-c1d4907f62ab', 'yuki.tanaka', 'yuki.tanaka@example.com', 351, 2, TRUE),
    ('3d51f8c7-9b24-4e6d-a7f0-80e2b6154c3d', 'oluwaseun_a', 'oluwaseun@example.org', 317, 9, TRUE),
    ('4a07e3b9-52f1-4c88-b6d2-19c5ea7d3f04', 'camille.durand', 'camille.durand@example.net', 290, 5, TRUE),
    ('5c82d6f1-e07b-49a3-8c4e-f2913b6a5d70', 'piotr.zielinski', 'p.zielinski@example.com', 266, 1, TRUE),
    ('6e94b05a-3c7d-4d12-9f8b-a6e0d47c1b25', 'sofia-marques', 'sofia@example.org', 233, 14, TRUE),
    ('81d3f7e2-6b90-4a5c-b2e7-0c9f54a8d136', 'd.kovalenko', 'd.kovalenko@example.net', 198, 2, TRUE),
    ('93a6c418-d5e2-4f7b-8a01-7be3f29d6c50', 'leila.haddad', 'leila.haddad@example.com', 154, 4, TRUE),
    ('a4f85b27-0e1c-4836-9dc5-e378d16b2f94', 'tom_ashworth', 'tom.ashworth@example.org', 120, 1, TRUE),
    ('b7162e9d-f843-45ca-a3b0-5d2c8e7f4190', 'ngoc.anh', 'ngoc.anh@example.net', 87, 6, TRUE),
    ('c8e05d73-21a9-4b6f-8f94-3a7b1d0ce652', 'rafael.ortiz', 'rafael.ortiz@example.com', 402, 133, FALSE)
) AS u (user_id, username, email, days_here, days_away, is_active);

INSERT INTO public.main_clients_database (
    open_channel_id, open_channel_title, open_channel_description,
    closed_channel_id, closed_channel_title, closed_channel_description,
    closed_channel_donation_message,
    sub_1_price, sub_1_time, sub_2_price, sub_2_time, sub_3_price, sub_3_time,
    client_wallet_address, client_payout_currency, client_payout_network, payout_strategy, payout_threshold_usd,
    client_id, created_by
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
    p.wallet,
    p.currency::public.currency_type,
    p.network::public.network_type,
    p.strategy,
    p.threshold,
    u.user_id,
    u.username
FROM (
    VALUES
    (
        1, 'mara.kessler',
        '-1003268562225', 'Frühaufsteher-Signale',
        'Was sich über Nacht bewegt hat, jeden Morgen um 6:45 – kostenlos.',
        '-1003253338212', 'Frühaufsteher intern',
        'Einstieg, Ausstieg, Stopp: jede Position mit Begründung.',
        'Wenn das Frühstück heute auf uns ging, freuen wir uns über einen Kaffee. ☕',
        5.00, 30, 12.50, 90, 39.00, 365
    ),
    (
        2, 'mara.kessler',
        '-1003301774906', 'DAX vor neun',
        'Die drei Marken, die heute zählen.',
        '-1003288120457', 'DAX vor neun: Premium',
        'Live-Kommentar von 8:55 bis 11:00 Uhr, Fragen erlaubt.',
        'Danke, dass ihr das möglich macht!',
        9.99, 30, NULL, NULL, NULL, NULL
    ),
    (
        3, 'mara.kessler',
        '-1003317460183', 'Optionen für Geduldige',
        'Stillhalter-Ideen mit Rechenweg, ohne Hektik.',
        '-1003290655318', 'Optionen: das Depot',
        'Jede Order am selben Tag, mit Margin und Plan B.',
        'Geduld zahlt sich aus – und ein Trinkgeld freut uns.',
        24.00, 30, 65.00, 90, 220.00, 365
    ),
    (
        4, 'andreas_lindqvist',
        '-1003339047569', 'Nordic Swing Trades',
        'Two or three setups a week on Stockholm and Oslo small caps.',
        '-1003391307269', 'Nordic Swing, members',
        'Positions, sizing and the weekly post-mortem.',
        'A beer after a green week is always welcome.',
        15.00, 30, 40.00, 90, NULL, NULL
    ),
    (
        5, 'andreas_lindqvist',
        '-1002186764262', 'Elpriset idag',
        'Morgondagens spotpris i alla fyra elområden.',
        '-1001719337521', 'Elpriset: styrning',
        'När bilen, värmepumpen och bastun ska gå, timme för timme.',
        'Sparade du på tvätten? Bjud på en kanelbulle.',
        1.49, 30, 12.00, 365, NULL, NULL
    ),
    (
        6, 'andreas_lindqvist',
        '-1001955635444', 'Småbolag på djupet',
        'Ett bolag i månaden, läst från första till sista not.',
        '-1002415399024', 'Småbolag: analysen',
        'Hela rapporten, modellen och våra frågor till ledningen.',
        'Stöd oberoende analys.',
        29.00, 30, 290.00, 365, NULL, NULL
    ),
    (
        7, 'yuki.tanaka',
        '-1003117832611', '朝の為替メモ',
        '東京市場が開く前に読む、今日のドル円。',
        '-1002788662187', '朝の為替メモ・会員',
        'エントリー候補と損切りライン、理由つき。',
        '役に立ったらコーヒー一杯をお願いします。',
        8.00, 30, 21.00, 90, NULL, NULL
    ),
    (
        8, 'yuki.tanaka',
        '-1002744457685', '日本株スイング',
        '週に二回、決算のあとの値動きを見ます。',
        '-1003575289376', '日本株スイング・本編',
        '保有銘柄と比率、すべて公開。',
        '応援ありがとうございます!',
        18.00, 30, NULL, NULL, NULL, NULL
    ),
    (
        9, 'yuki.tanaka',
        '-1001998513834', 'Kanji in Ten Minutes',
        'One kanji a day, with the story that makes it stick.',
        '-1001925748777', 'Kanji: the drills',
        'Stroke order videos, weekly tests and a study group.',
        'Keep the ink flowing!',
        3.50, 30, 9.00, 90, 30.00, 365
    ),
    (
        10, 'oluwaseun_a',
        '-1002582074158', 'Lagos FX Desk',
        'GBP/NGN and USD/NGN levels before the banks open.',
        '-1002640238186', 'Lagos FX Desk Pro',
        'Live calls, parallel-market rates, risk per trade.',
        'Suya money for the night desk.',
        10.00, 30, 27.00, 90, NULL, NULL
    ),
    (
        11, 'oluwaseun_a',
        '-1002716680096', 'Naira Watch',
        'The week''s numbers from CBN in plain English.',
        '-1002899558446', 'Naira Watch: briefings',
        'Every Friday: what it means for importers.',
        'Thank you for keeping this independent.',
        4.00, 30, NULL, NULL, NULL, NULL
    ),
    (
        12, 'oluwaseun_a',
        '-1003405926020', 'Afrobeats Stems',
        'A free loop every Monday, 100 to 110 bpm.',
        '-1003704867530', 'Afrobeats Stems: vault',
        'Over 2,000 cleared stems, new packs each week.',
        'Tip the drummer!',
        7.50, 30, 19.00, 90, 60.00, 365
    ),
    (
        13, 'camille.durand',
        '-1001876069048', 'Le Marché à 8 h',
        'L''essentiel du CAC 40 avant l''ouverture, en deux minutes.',
        '-1002231097544', 'Le Marché, les abonnés',
        'Niveaux, scénarios, et ce que l''on fait si l''on a tort.',
        'Un croissant pour la rédaction ? 🥐',
        6.90, 30, 18.00, 90, NULL, NULL
    ),
    (
        14, 'camille.durand',
        '-1002418818538', 'Pâtisserie sans secret',
        'Une recette par semaine, pesée au gramme.',
        '-1002203643772', 'Pâtisserie : le labo',
        'Feuilletage, tempérage, macarons : en vidéo et pas à pas.',
        'Merci de beurrer nos moules.',
        4.90, 30, 49.00, 365, NULL, NULL
    ),
    (
        15, 'camille.durand',
        '-1002661000880', 'Crypto, sans panique',
        'Comprendre avant d''acheter.',
        '-1002732066401', 'Crypto : le carnet',
        'Nos lignes, nos erreurs, nos impôts.',
        'Un satoshi est un satoshi.',
        12.00, 30, 30.00, 90, NULL, NULL
    ),
    (
        16, 'piotr.zielinski',
        '-1002671937893', 'GPW na spokojnie',
        'Co się działo na warszawskiej giełdzie, bez krzyku.',
        '-1003364665827', 'GPW: portfel',
        'Transakcje na żywo i cotygodniowe podsumowanie.',
        'Na kawę dla analityka.',
        11.00, 30, 29.00, 90, 99.00, 365
    ),
    (
        17, 'piotr.zielinski',
        '-1001843208354', 'Altcoiny bez ściemy',
        'Projekty, które przeczytaliśmy od deski do deski.',
        '-1001779343957', 'Altcoiny: raporty',
        'Tokenomika, audyty i czerwone flagi.',
        'Wesprzyj niezależność.',
        14.00, 30, NULL, NULL, NULL, NULL
    ),
    (
        18, 'piotr.zielinski',
        '-1002626164769', 'Złoto i srebro',
        'Ceny, premie dealerów i trochę historii.',
        '-1003014814292', 'Złoto i srebro VIP',
        'Gdzie kupić najtaniej w tym tygodniu.',
        'Grosz do grosza…',
        3.00, 30, 8.00, 90, NULL, NULL
    ),
    (
        19, 'piotr.zielinski',
        '-1002533172019', 'Szachy: taktyka dnia',
        'Jedno zadanie dziennie, rozwiązanie o 20:00.',
        '-1002742193650', 'Szachy: klub',
        'Analizy partii, turnieje w niedziele.',
        'Hetman dziękuje.',
        2.50, 30, 20.00, 365, NULL, NULL
    ),
    (
        20, 'sofia-marques',
        '-1003393759498', 'Português com Café',
        'Uma expressão por dia, com exemplo de verdade.',
        '-1003271652683', 'Português: as aulas',
        'Duas conversas por semana em grupo pequeno.',
        'Obrigada pelo cafezinho!',
        6.00, 30, 16.00, 90, 55.00, 365
    ),
    (
        21, 'sofia-marques',
        '-1001840632879', 'Yoga às Seis',
        'Quinze minutos antes do mundo acordar.',
        '-1002079503330', 'Yoga às Seis: estúdio',
        'Aulas em direto de segunda a sexta.',
        'Namasté – e obrigada.',
        9.00, 30, 24.00, 90, NULL, NULL
    ),
    (
        22, 'sofia-marques',
        '-1002264643532', 'Receitas da Avó',
        'O caderno da avó Lurdes, página a página.',
        '-1002574484484', 'Receitas: o caderno',
        'Todas as páginas digitalizadas, e os segredos.',
        'Para o azeite bom.',
        2.00, 30, NULL, NULL, NULL, NULL
    ),
    (
        23, 'd.kovalenko',
        '-1002451619465', 'Solidity щодня',
        'Один прийом на день, з тестами.',
        '-1002612324698', 'Solidity: майстерня',
        'Розбір коду наживо щосереди, репозиторій для учасників.',
        'На каву та газ. ⛽',
        20.00, 30, 54.00, 90, NULL, NULL
    ),
    (
        24, 'd.kovalenko',
        '-1003233703482', 'Безпека смартконтрактів',
        'Свіжі зломи та що з них винести.',
        '-1003237976034', 'Безпека: розбори',
        'Експлойти крок за кроком, шаблони перевірок.',
        'Дякую за підтримку!',
        25.00, 30, NULL, NULL, NULL, NULL
    ),
    (
        25, 'd.kovalenko',
        '-1001612662822', 'DeFi Yields & Risks',
        'Where the yield comes from; if we can''t tell, we say so.',
        '-1001998421942', 'DeFi Yields: positions',
        'Our own positions & exits, <15 min after the fact.',
        'If it saved you a rug pull, buy us lunch.',
        19.99, 30, 49.99, 90, 179.99, 365
    ),
    (
        26, 'd.kovalenko',
        '-1001831117849', 'On-chain Alerts',
        'Whale moves over $10M, de-noised.',
        '-1002463670842', 'On-chain Alerts: raw feed',
        'Every alert with addresses and our labels.',
        'Keeps the node running.',
        12.00, 7, 35.00, 30, NULL, NULL
    ),
    (
        27, 'leila.haddad',
        '-1002422348562', 'Gold & Oil Briefing',
        'The morning note from Dubai, seven days a week.',
        '-1002975974777', 'Gold & Oil: desk notes',
        'Levels, flows and the one chart that matters.',
        'شكرا لدعمكم',
        16.00, 30, 42.00, 90, NULL, NULL
    ),
    (
        28, 'leila.haddad',
        '-1003260001365', 'Arabic Calligraphy Club',
        'A new word every week, thuluth and diwani.',
        '-1003359634312', 'Calligraphy: the studio',
        'Pen angles, feedback on your pages, live sessions.',
        'For ink and reeds.',
        5.00, 30, 13.00, 90, 45.00, 365
    ),
    (
        29, 'leila.haddad',
        '-1002109248537', 'Souk Investor',
        'Tadawul and DFM for people with day jobs.',
        '-1002055629592', 'Souk Investor: members',
        'Model portfolio, Sharia screening explained.',
        'Tea is on you today.',
        13.00, 30, NULL, NULL, NULL, NULL
    ),
    (
        30, 'tom_ashworth',
        '-1002064902657', 'Racing Tips UK',
        'Two selections a day, results posted win or lose.',
        '-1002794149384', 'Racing Tips UK: the card',
        'The full card with prices we took, by 10:30.',
        'Won one? Stand us a pint. 🍺',
        10.00, 7, 30.00, 30, 75.00, 90
    ),
    (
        31, 'tom_ashworth',
        '-1002469899310', 'Premier League Value Bets',
        'Model prices against the market, every Friday.',
        '-1003113678127', 'PL Value Bets: the sheet',
        'All ten games, stakes in units, closing-line record.',
        'Keep the model fed.',
        8.00, 30, NULL, NULL, NULL, NULL
    ),
    (
        32, 'tom_ashworth',
        '-1003542632635', 'Ashworth''s Each-Way',
        'Big-field handicaps only, Saturdays at nine.',
        '-1002976279837', 'Each-Way: inner ring',
        'Antepost book and place terms worth having.',
        'Cheers, all.',
        6.50, 30, 17.00, 90, NULL, NULL
    ),
    (
        33, 'tom_ashworth',
        '-1002267402294', 'Sunday Darts',
        'Form, averages and one daft accumulator.',
        '-1001765561882', 'Sunday Darts: 180 club',
        'Head-to-heads and a live chat on finals night.',
        'One hundred and eighty!',
        2.99, 30, NULL, NULL, NULL, NULL
    ),
    (
        34, 'ngoc.anh',
        '-1002180830845', 'Cổ phiếu mỗi ngày',
        'Ba mã đáng chú ý trước giờ mở cửa.',
        '-1002584762652', 'Cổ phiếu: nhóm kín',
        'Điểm mua, điểm bán và lý do, mỗi sáng.',
        'Mời mình ly cà phê sữa đá nhé!',
        4.00, 30, 10.00, 90, NULL, NULL
    ),
    (
        35, 'ngoc.anh',
        '-1002762082365', 'Tiếng Việt cho người mới',
        'Mỗi ngày năm từ, có phát âm.',
        '-1002665305333', 'Tiếng Việt: lớp học',
        'Bài tập, sửa phát âm và hai buổi nói mỗi tuần.',
        'Cảm ơn bạn!',
        5.50, 30, 45.00, 365, NULL, NULL
    ),
    (
        36, 'ngoc.anh',
        '-1003521401036', 'Saigon Street Food Map',
        'One stall a day, with the price and the plastic-stool rating.',
        '-1003364035969', 'Street Food: the full map',
        'All 400 stalls, updated each month.',
        'For the next bowl of phở. 🍜',
        1.99, 30, NULL, NULL, NULL, NULL
    ),
    (
        37, 'rafael.ortiz',
        '-1002141120271', 'Fútbol y Números',
        'Liga MX con datos, no con gritos.',
        '-1001891258627', 'Fútbol: las cuotas',
        'Apuestas con valor y registro público.',
        '¡Gracias, afición!',
        7.00, 30, 18.00, 90, NULL, NULL
    ),
    (
        38, 'rafael.ortiz',
        '-1002148574651', 'Señales MX',
        'USD/MXN en la sesión de Londres.',
        '-1002185102984', 'Señales MX Pro',
        'Entradas y salidas con captura de pantalla.',
        'Para los tacos.',
        12.00, 30, NULL, NULL, NULL, NULL
    ),
    (
        39, 'rafael.ortiz',
        '-1002321317791', 'Guitarra Flamenca',
        'Una falseta por semana, con tablatura.',
        '-1003022917753', 'Guitarra: la academia',
        'Compás, rasgueo y corrección de vídeos.',
        '¡Olé y gracias!',
        9.50, 30, 25.00, 90, 80.00, 365
    ),
    (
        40, 'rafael.ortiz',
        '-1003436850511', 'Forex sin Humo',
        'Lo que los cursos caros no cuentan.',
        '-1003420980628', 'Forex sin Humo: sala',
        'Sala en vivo, de lunes a jueves.',
        'Un café, por favor.',
        15.00, 30, NULL, NULL, NULL, NULL
    )
) AS c (
    place, username, open_id, open_title, open_description, closed_id, closed_title, closed_description,
    donation_message, price_1, days_1, price_2, days_2, price_3, days_3
)
INNER JOIN (
    VALUES
    ('mara.kessler', '0x4E5fD0a91c7B26e83aF0D4b6C19827eA53Bd60F1', 'USDT', 'ETH', 'threshold', 100.00),
    ('andreas_lindqvist', 'bc1qd8mv4w2r6x0ntze5c7hj3k9ya0sl4fpu2g6q8e', 'BTC', 'BTC', 'threshold', 250.00),
    ('yuki.tanaka', 'TQn4vXcR7mJd2KbWf8sYhGa5ZpLe3uTo9N', 'TRX', 'TRX', 'instant', 0.00),
    ('oluwaseun_a', '0x9aC3570bE24d81F6e0D7c5a2B84f13D96eA07c2B', 'USDT', 'BSC', 'instant', 0.00),
    ('camille.durand', 'ltc1q7k3w9s5f2x8v0n4m6t1y3r5e7p9a2c4d6g8h0j', 'LTC', 'LTC', 'instant', 0.00),
    ('piotr.zielinski', '0x18F2c60aD97b34E5f8A1d0C6b7e93542aBd8F0c7', 'ETH', 'ETH', 'threshold', 75.00),
    ('sofia-marques', '0x7bD41eC0a853f6B92d7E0F4c1A6b98352Ce0d4F9', 'USDC', 'MATIC', 'instant', 0.00),
    (
        'd.kovalenko',
        '4BvE7nQx2sLcK9mTf5WzYdR3hJg8PaUo6bXiC1tNkD7qVe4wSrG2yHj5MfA9uLpZ8xQcT3nKbE6vWd1sRiYo7hJgFa5mUxC',
        'XMR', 'XMR', 'threshold', 150.00
    ),
    ('leila.haddad', 'TMx7bRf3KwQd9VhLs2YcNp5GtJa8ZeUo4E', 'USDT', 'TRX', 'instant', 0.00),
    ('tom_ashworth', 'bc1q5x7n0c2v4m6t8r1y3e5w7p9s2d4f6g8h0j3k5l', 'BTC', 'BTC', 'instant', 0.00),
    ('ngoc.anh', '8rWcT5nKqE2vXd7sYiHo3bJgLa9mUxFz4PfQtV6kNwD1', 'USDC', 'SOL', 'instant', 0.00),
    ('rafael.ortiz', '0xE60d5B3f912aC7480eF6b1D9c3A5724d08Be1F6a', 'SHIB', 'ETH', 'instant', 0.00)
) AS p (username, wallet, currency, network, strategy, threshold) ON c.username = p.username
INNER JOIN public.registered_users AS u ON c.username = u.username
ORDER BY c.place;

-- What the one-time script made, with what the scheduler did since. The pairs are those of then: the last ones have
-- no channel any more, or another owner than their channel.
INSERT INTO public.broadcast_manager (
    id, client_id, open_channel_id, closed_channel_id,
    total_broadcasts, failed_broadcasts, successful_broadcasts, manual_trigger_count,
    last_sent_time, next_send_time, last_open_message_sent_at, last_closed_message_sent_at,
    last_open_message_id, last_closed_message_id,
    broadcast_status, consecutive_failures, is_active, last_error_message, last_error_time, created_at
)
SELECT
    b.id::uuid,
    u.user_id,
    b.open_id,
    b.closed_id,
    b.total,
    b.failed,
    b.total - b.failed,
    b.manual,
    s.sent,
    s.sent + interval '24 hours',
    s.sent,
    s.sent,
    700 + 2 * b.total,
    300 + 2 * b.total,
    b.status,
    CASE WHEN b.error IS NULL THEN 0 WHEN b.active THEN 1 ELSE 5 END,
    b.active,
    b.error,
    CASE WHEN b.error IS NOT NULL THEN s.sent END,
    u.created_at + interval '2 days'
FROM (
    VALUES
    (
        '3c76d53f-b154-4bd0-b630-62a63c283933', 'andreas_lindqvist', '-1003339047569', '-1003391307269',
        367, 11, 0, 8, 'completed', TRUE, NULL
    ),
    (
        '638b6864-6fdf-44f5-8b7e-8f2773417050', 'andreas_lindqvist', '-1002186764262', '-1001719337521',
        340, 8, 0, 17, 'completed', TRUE, NULL
    ),
    (
        '0a277777-adb4-4273-9b5b-4b5c5ed62e45', 'andreas_lindqvist', '-1001955635444', '-1002415399024',
        312, 10, 1, 8, 'completed', TRUE, NULL
    ),
    (
        '06ef5810-703a-4421-a777-11b7473aa034', 'yuki.tanaka', '-1003117832611', '-1002788662187',
        332, 11, 8, 3, 'completed', TRUE, NULL
    ),
    (
        '6939cb4e-9cd5-47fb-bd5b-d30944301f5d', 'yuki.tanaka', '-1002744457685', '-1003575289376',
        306, 12, 8, 2, 'failed', TRUE, 'Telegram 429: Too Many Requests: retry after 35'
    ),
    (
        '6b815e60-7ec5-4e64-8879-9f5d550c9224', 'yuki.tanaka', '-1001998513834', '-1001925748777',
        271, 8, 1, 5, 'completed', TRUE, NULL
    ),
    (
        '5350cb1f-ac04-43da-ab6f-45da430cc94a', 'oluwaseun_a', '-1002716680096', '-1002899558446',
        266, 11, 2, 11, 'completed', TRUE, NULL
    ),
    (
        '12025811-c12b-4f31-b91c-23a47ea9e36a', 'oluwaseun_a', '-1003405926020', '-1003704867530',
        232, 7, 1, 11, 'completed', TRUE, NULL
    ),
    (
        '106a3449-2c4d-4839-801e-19bb6b89a84d', 'camille.durand', '-1001876069048', '-1002231097544',
        288, 5, 3, 2, 'completed', TRUE, NULL
    ),
    (
        '3c43e02f-feda-4557-9802-61d94761ef43', 'camille.durand', '-1002418818538', '-1002087714630',
        246, 1, 5, 5, 'completed', TRUE, NULL
    ),
    (
        '60fa8222-7e7c-4f77-a711-ba5736e6f801', 'camille.durand', '-1002661000880', '-1002732066401',
        198, 8, 0, 4, 'completed', TRUE, NULL
    ),
    (
        '3e245258-ecfc-4263-bf30-2108389cd112', 'piotr.zielinski', '-1002671937893', '-1003364665827',
        252, 9, 0, 22, 'completed', TRUE, NULL
    ),
    (
        '5cc8f167-bf1c-4c64-9d36-151c7823b454', 'piotr.zielinski', '-1002626164769', '-1003014814292',
        189, 1, 6, 16, 'completed', TRUE, NULL
    ),
    (
        '094acc03-3a7e-42b7-ab65-17fd6d576607', 'piotr.zielinski', '-1002533172019', '-1002742193650',
        246, 1, 5, 9, 'completed', TRUE, NULL
    ),
    (
        '428b7c27-327b-493c-be12-e53409599964', 'sofia-marques', '-1003393759498', '-1003271652683',
        192, 0, 2, 6, 'completed', TRUE, NULL
    ),
    (
        '0fa32835-5c0b-4a69-974e-9943205f4a7a', 'camille.durand', '-1002264643532', '-1002574484484',
        229, 3, 0, 20, 'completed', TRUE, NULL
    ),
    (
        '3442e07c-70a3-4165-a508-bf8b71d9233a', 'd.kovalenko', '-1002451619465', '-1002612324698',
        155, 3, 2, 7, 'completed', TRUE, NULL
    ),
    (
        '589a0358-1810-42dd-b11a-ff27594ed957', 'd.kovalenko', '-1003233703482', '-1003237976034',
        120, 3, 7, 13, 'completed', TRUE, NULL
    ),
    (
        '1c569925-5160-41e9-8f5d-decf01058e49', 'd.kovalenko', '-1001612662822', '-1001998421942',
        184, 5, 0, 20, 'completed', TRUE, NULL
    ),
    (
        '6518b910-d2b9-4520-a33a-d7b514492f54', 'leila.haddad', '-1002422348562', '-1002975974777',
        66, 3, 1, 17, 'completed', TRUE, NULL
    ),
    (
        '3770e33c-9840-4cb1-b846-af6a19f0d522', 'leila.haddad', '-1003260001365', '-1003359634312',
        145, 1, 5, 20, 'completed', TRUE, NULL
    ),
    (
        '3e41654f-99f2-4d0a-8a5b-d0b900762751', 'leila.haddad', '-1002109248537', '-1002055629592',
        107, 9, 8, 260, 'failed', FALSE, 'Telegram 403: bot was kicked from the channel chat'
    ),
    (
        '7f1ab926-608d-4a85-9c56-1b892bb7b53e', 'tom_ashworth', '-1002064902657', '-1002794149384',
        32, 2, 8, 17, 'completed', TRUE, NULL
    ),
    (
        '4aeae47c-f167-4111-a169-63be313e5e1a', 'tom_ashworth', '-1002469899310', '-1003113678127',
        102, 5, 2, 24, 'in_progress', TRUE, NULL
    ),
    (
        '7117d87a-4954-47c5-b701-9718129daa5d', 'tom_ashworth', '-1003542632635', '-1002976279837',
        76, 1, 5, 8, 'completed', TRUE, NULL
    ),
    (
        '47dcd273-5e83-4aed-861f-42125e472f6a', 'tom_ashworth', '-1002267402294', '-1001765561882',
        30, 1, 0, 1, 'completed', TRUE, NULL
    ),
    (
        '6f82bc77-6160-47e7-9424-ebc35de8f04e', 'ngoc.anh', '-1002180830845', '-1002584762652',
        85, 0, 8, 16, 'completed', TRUE, NULL
    ),
    (
        '7ecb8b30-b473-4cf0-a379-80bf0e2eb867', 'ngoc.anh', '-1002762082365', '-1002665305333',
        37, 0, 5, 21, 'completed', TRUE, NULL
    ),
    (
        '35a8a14d-d33f-4bb0-8031-c4f5367e8227', 'rafael.ortiz', '-1002141120271', '-1001891258627',
        261, 5, 7, 3208, 'completed', TRUE, NULL
    ),
    (
        '18142b6b-2023-4022-950e-84914807d37b', 'rafael.ortiz', '-1002148574651', '-1002185102984',
        215, 5, 4, 3202, 'completed', TRUE, NULL
    ),
    (
        '1da5824a-513b-4632-a776-fbdb623e1d3d', 'rafael.ortiz', '-1002321317791', '-1003022917753',
        179, 10, 7, 3215, 'completed', TRUE, NULL
    ),
    (
        '23388d75-f43e-471f-b71e-ae1627961d3a', 'rafael.ortiz', '-1003436850511', '-1003420980628',
        262, 9, 1, 3206, 'completed', TRUE, NULL
    ),
    (
        '0264ee5f-e8eb-462a-9619-369932c01c2f', 'oluwaseun_a', '-1001590326718', '-1001866402951',
        143, 4, 6, 1176, 'completed', TRUE, NULL
    ),
    (
        '7c88342b-a361-401e-ad5f-51b27ca31313', 'tom_ashworth', '-1002214097385', '-1002530881264',
        27, 0, 1, 744, 'completed', TRUE, NULL
    ),
    (
        '419bbc58-1bdb-421b-be22-353221afc765', 'leila.haddad', '-1001733508246', '-1003359634312',
        88, 2, 3, 456, 'completed', TRUE, NULL
    )
) AS b (id, username, open_id, closed_id, total, failed, manual, hours_ago, status, active, error)
INNER JOIN public.registered_users AS u ON b.username = u.username
CROSS JOIN LATERAL (SELECT now() - b.hours_ago * interval '1 hour' AS sent) AS s;
