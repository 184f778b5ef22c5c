CREATE OR REPLACE FUNCTION public.notify_clients()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Beyond a hundred clients one notification for everyone; PostgreSQL sends equal ones once.
    PERFORM pg_notify(
        'broadcast_manager_changed', CASE WHEN count(*) OVER () > 100 THEN '' ELSE coalesce(c.client_id::text, '') END
    )
    FROM (SELECT DISTINCT r.client_id FROM changed_rows AS r LIMIT 101) AS c;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION public.notify_clients() IS
'NOTIFY broadcast_manager_changed with the id of each client whose rows the statement changed; empty means any client.';
REVOKE ALL ON FUNCTION public.notify_clients() FROM public;
