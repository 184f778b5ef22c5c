-- The three tables hold users, channels and broadcast rows: no downgrade takes them away.
SELECT 1;
