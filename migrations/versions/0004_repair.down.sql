DROP PROCEDURE public.backfill_broadcasts(integer, uuid, interval, bigint, bigint);
DROP FUNCTION public.backfill_broadcast_batch(text [], text [], interval);
DROP PROCEDURE public.repair_broadcasts(integer);
DROP FUNCTION public.repair_broadcast_batch(uuid []);
DROP FUNCTION public.quarantine_duplicate_broadcasts();
DROP FUNCTION public.pause_for_clients(timestamptz);
DROP VIEW public.broken_broadcasts;
