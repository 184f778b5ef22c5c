DROP INDEX CONCURRENTLY IF EXISTS public.broadcast_manager_next_send_time_idx;
\g
