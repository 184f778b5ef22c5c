CREATE INDEX broadcast_manager_next_send_time_idx
ON public.broadcast_manager (next_send_time)
WHERE is_active;

COMMENT ON INDEX public.broadcast_manager_next_send_time_idx IS
'Finds what is due; made only where no other index does.';
