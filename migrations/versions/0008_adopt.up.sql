-- The rows of before: repaired first, then created where they are missing, in batches that commit.
CALL public.repair_broadcasts()
\g

CALL public.backfill_broadcasts()
\g
