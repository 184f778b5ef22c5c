CREATE UNIQUE INDEX broadcast_manager_pair_key
ON public.broadcast_manager (open_channel_id, closed_channel_id);

COMMENT ON INDEX public.broadcast_manager_pair_key IS
'One broadcast row per channel pair.';
