CREATE OR REPLACE FUNCTION broadcast.finite(moment timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT
-- No SET clause: it would keep the planner from inlining the body. Whoever calls this pins the path.
AS $$
    SELECT CASE WHEN moment >= '0001-01-02 00:00:00+00' AND moment < '9999-12-31 00:00:00+00' THEN moment END;
$$;

COMMENT ON FUNCTION broadcast.finite(timestamptz) IS
'The moment; NULL for infinity and for years before 1 and after 9999, which no client can show.';
REVOKE ALL ON FUNCTION broadcast.finite(timestamptz) FROM public;
