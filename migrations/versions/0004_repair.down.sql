DROP PROCEDURE broadcast.backfill_broadcasts(integer, uuid, interval, bigint, bigint);
DROP FUNCTION broadcast.backfill_broadcast_batch(text [], text [], interval);
DROP PROCEDURE broadcast.repair_broadcasts(integer);
DROP FUNCTION broadcast.repair_broadcast_batch(uuid []);
DROP FUNCTION broadcast.quarantine_duplicate_broadcasts();
DROP FUNCTION broadcast.pause_for_clients(timestamptz);
DROP FUNCTION broadcast.broken_broadcasts();
DROP FUNCTION broadcast.transaction_mark();
