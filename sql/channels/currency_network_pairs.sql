CREATE OR REPLACE FUNCTION broadcast.currency_network_pairs()
RETURNS TABLE (currency text, network text, currency_name text, network_name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Another service's table: what may not be read is no list.
    IF has_table_privilege(to_regclass('public.currency_to_network'), 'SELECT') IS NOT TRUE THEN
        RETURN;
    END IF;
    -- By way of JSON: the columns have any types, and those of the names may be missing.
    RETURN QUERY EXECUTE $query$
        SELECT
            t.pair ->> 'currency',
            t.pair ->> 'network',
            coalesce(max(t.pair ->> 'currency_name'), t.pair ->> 'currency'),
            coalesce(max(t.pair ->> 'network_name'), t.pair ->> 'network')
        FROM (SELECT to_jsonb(c) AS pair FROM public.currency_to_network AS c) AS t
        WHERE t.pair ->> 'currency' <> '' AND t.pair ->> 'network' <> ''
        GROUP BY t.pair ->> 'currency', t.pair ->> 'network'
    $query$;
END;
$$;

COMMENT ON FUNCTION broadcast.currency_network_pairs() IS
'The pairs of the platform''s table currency_to_network, a missing name being the code; no rows where it is not there.';
REVOKE ALL ON FUNCTION broadcast.currency_network_pairs() FROM public;
