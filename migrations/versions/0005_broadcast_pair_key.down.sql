DROP INDEX CONCURRENTLY IF EXISTS public.broadcast_manager_pair_key
\g
