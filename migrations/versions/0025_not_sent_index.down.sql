DROP INDEX CONCURRENTLY IF EXISTS public.broadcast_delivery_parts_not_sent_idx;
\g
