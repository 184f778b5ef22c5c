-- Nothing to take back: the revision only looks.
SELECT 1;
