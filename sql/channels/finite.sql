CREATE OR REPLACE FUNCTION broadcast.finite(moment timestamptz)
RETURNS timestamptz
LANGUAGE sql
IMMUTABLE
STRICT
-- No SET clause: it would keep the planner from inlining the body. Whoever calls this pins the path.
AS $$
    SELECT CASE WHEN isfinite(moment) THEN moment END;
$$;

COMMENT ON FUNCTION broadcast.finite(timestamptz) IS
'The moment; NULL for infinity, which no client can show.';
REVOKE ALL ON FUNCTION broadcast.finite(timestamptz) FROM public;
