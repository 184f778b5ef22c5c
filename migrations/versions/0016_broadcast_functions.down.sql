DROP FUNCTION public.record_login(uuid);
DROP FUNCTION public.reactivate_broadcast(uuid, uuid);
DROP FUNCTION public.request_broadcast(uuid, uuid);
DROP FUNCTION public.retry_after_seconds(public.broadcast_manager);
DROP FUNCTION public.broadcast_state(public.broadcast_manager);
DROP FUNCTION public.own_broadcast(uuid, uuid);
