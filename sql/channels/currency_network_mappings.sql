CREATE OR REPLACE FUNCTION broadcast.currency_network_mappings()
RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    WITH
    listed AS (
        SELECT p.* FROM broadcast.currency_network_pairs() AS p
    ),
    -- The labels of the two columns' types, where both are enums: nothing says which go together.
    labels AS (
        SELECT
            a.attname,
            e.enumlabel::text AS label
        FROM pg_attribute AS a
        INNER JOIN pg_type AS t ON a.atttypid = t.oid
        INNER JOIN pg_enum AS e ON e.enumtypid IN (t.oid, t.typbasetype)
        WHERE a.attrelid = 'public.main_clients_database'::regclass
            AND a.attname IN ('client_payout_currency', 'client_payout_network')
    ),
    enums AS (
        SELECT
            c.label AS currency,
            n.label AS network,
            c.label AS currency_name,
            n.label AS network_name
        FROM labels AS c CROSS JOIN labels AS n
        WHERE c.attname = 'client_payout_currency' AND n.attname = 'client_payout_network'
            AND NOT EXISTS (SELECT FROM listed)
    ),
    -- What clients have typed: shown to everyone, so only what looks like a code. Everyone may ask, without a login: to
    -- read all channels each time would be dear.
    used AS (
        SELECT DISTINCT
            c.client_payout_currency::text AS currency,
            c.client_payout_network::text AS network,
            c.client_payout_currency::text AS currency_name,
            c.client_payout_network::text AS network_name
        FROM (
            SELECT m.client_payout_currency, m.client_payout_network
            FROM public.main_clients_database AS m
            WHERE NOT EXISTS (SELECT FROM listed) AND NOT EXISTS (SELECT FROM enums)
            LIMIT 1000
        ) AS c
        WHERE c.client_payout_currency::text ~ '^[A-Za-z0-9._-]{1,20}$'
            AND c.client_payout_network::text ~ '^[A-Za-z0-9._-]{1,20}$'
    ),
    pairs AS (
        SELECT * FROM listed
        UNION ALL
        SELECT * FROM enums
        UNION ALL
        SELECT * FROM used
    )
    SELECT json_build_object(
        'network_to_currencies', (
            SELECT coalesce(json_object_agg(p.network, p.currencies ORDER BY p.network), '{}')
            FROM (
                SELECT
                    p.network,
                    json_agg(
                        json_build_object('currency', p.currency, 'currency_name', p.currency_name)
                        ORDER BY p.currency
                    ) AS currencies
                FROM pairs AS p
                GROUP BY p.network
            ) AS p
        ),
        'currency_to_networks', (
            SELECT coalesce(json_object_agg(p.currency, p.networks ORDER BY p.currency), '{}')
            FROM (
                SELECT
                    p.currency,
                    json_agg(
                        json_build_object('network', p.network, 'network_name', p.network_name)
                        ORDER BY p.network
                    ) AS networks
                FROM pairs AS p
                GROUP BY p.currency
            ) AS p
        ),
        'networks_with_names', (
            SELECT coalesce(json_object_agg(p.network, p.name ORDER BY p.network), '{}')
            FROM (SELECT p.network, max(p.network_name) AS name FROM pairs AS p GROUP BY p.network) AS p
        ),
        'currencies_with_names', (
            SELECT coalesce(json_object_agg(p.currency, p.name ORDER BY p.currency), '{}')
            FROM (SELECT p.currency, max(p.currency_name) AS name FROM pairs AS p GROUP BY p.currency) AS p
        )
    );
$$;

COMMENT ON FUNCTION broadcast.currency_network_mappings() IS
'Which currencies and networks go together: the platform''s table, else the two enums, else what 1000 channels use.';
REVOKE ALL ON FUNCTION broadcast.currency_network_mappings() FROM public;
