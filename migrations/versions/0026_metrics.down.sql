DROP VIEW public.broadcast_metrics;
DROP FUNCTION public.check_integrity(interval);
DROP TABLE public.broadcast_integrity_check;
