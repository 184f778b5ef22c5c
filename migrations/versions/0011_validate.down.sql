-- A valid key is taken away like any other, by the downgrade of the revision that made it.
SELECT 1;
