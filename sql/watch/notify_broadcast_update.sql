-- The old rows: the old owner must hear that a channel left; notify_channel_update tells the new owner.
CREATE TRIGGER notify_broadcast_update
AFTER UPDATE ON public.broadcast_manager
REFERENCING OLD TABLE AS changed_rows
FOR EACH STATEMENT
WHEN (current_setting('max_prepared_transactions') = '0')
EXECUTE FUNCTION broadcast.notify_watchers();

COMMENT ON TRIGGER notify_broadcast_update ON public.broadcast_manager IS
'Dashboards show a broadcast''s state as it changes; not where two-phase commit is possible, which NOTIFY would break.';
