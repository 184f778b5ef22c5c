-- Repaired and created rows are right with or without the rule: they stay.
SELECT 1;
