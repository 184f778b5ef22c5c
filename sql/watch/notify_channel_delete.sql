CREATE TRIGGER notify_channel_delete
AFTER DELETE ON public.main_clients_database
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION broadcast.notify_watchers();

COMMENT ON TRIGGER notify_channel_delete ON public.main_clients_database IS
'Dashboards forget a deleted channel at once; not where two-phase commit is possible, which NOTIFY would break.';
