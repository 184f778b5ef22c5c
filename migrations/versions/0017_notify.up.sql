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

SELECT public.lock_without_queueing('SHARE ROW EXCLUSIVE', 'public.main_clients_database', 'public.broadcast_manager');

CREATE TRIGGER notify_channel_insert
AFTER INSERT ON public.main_clients_database
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION public.notify_clients();

COMMENT ON TRIGGER notify_channel_insert ON public.main_clients_database IS
'Dashboards show a new channel at once; not where two-phase commit is possible, which NOTIFY would break.';

CREATE TRIGGER notify_channel_update
AFTER UPDATE ON public.main_clients_database
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION public.notify_clients();

COMMENT ON TRIGGER notify_channel_update ON public.main_clients_database IS
'Dashboards show an edited channel at once; not where two-phase commit is possible, which NOTIFY would break.';

CREATE TRIGGER notify_channel_delete
AFTER DELETE ON public.main_clients_database
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION public.notify_clients();

COMMENT ON TRIGGER notify_channel_delete ON public.main_clients_database IS
'Dashboards forget a deleted channel at once; not where two-phase commit is possible, which NOTIFY would break.';

-- The old rows: a channel that changes hands is gone from its old owner's page, and notify_channel_update tells the new one.
CREATE TRIGGER notify_broadcast_update
AFTER UPDATE ON public.broadcast_manager
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION public.notify_clients();

COMMENT ON TRIGGER notify_broadcast_update ON public.broadcast_manager IS
'Dashboards show a broadcast''s state as it changes; not where two-phase commit is possible, which NOTIFY would break.';
