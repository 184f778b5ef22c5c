CREATE TRIGGER notify_channel_insert
AFTER INSERT ON public.main_clients_database
REFERENCING NEW TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION broadcast.notify_watchers();

COMMENT ON TRIGGER notify_channel_insert ON public.main_clients_database IS
'Dashboards show a new channel at once; not where two-phase commit is possible, which NOTIFY would break.';
