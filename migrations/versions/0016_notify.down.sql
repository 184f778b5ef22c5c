SELECT broadcast.lock_without_queueing('ACCESS EXCLUSIVE', 'public.main_clients_database', 'public.broadcast_manager');
DROP TRIGGER notify_broadcast_update ON public.broadcast_manager;
DROP TRIGGER notify_channel_delete ON public.main_clients_database;
DROP TRIGGER notify_channel_update ON public.main_clients_database;
DROP TRIGGER notify_channel_insert ON public.main_clients_database;
DROP FUNCTION broadcast.notify_watchers();
DROP FUNCTION broadcast.watch_client(uuid);
