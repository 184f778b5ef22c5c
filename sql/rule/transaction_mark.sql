CREATE OR REPLACE FUNCTION broadcast.transaction_mark()
RETURNS bytea
LANGUAGE sql STABLE
-- No SET clause: it would keep the planner from inlining the body. Whoever calls this pins the path.
AS $$
    -- A UUID of version 8 laid out like version 7: milliseconds since 1970 in 48 bits, the version in 4, and the
    -- microseconds within the millisecond in the next 12. The trigger take_over_auto_created_row spells out the same.
    SELECT int8send(
        ((date_part('epoch', now()) * 1000000)::bigint / 1000 << 16) | 32768
        | ((date_part('epoch', now()) * 1000000)::bigint % 1000 << 2)
    );
$$;

COMMENT ON FUNCTION broadcast.transaction_mark() IS
'The first eight octets of each id that the rule creates in this transaction: when it began, in a UUID of version 8.';
REVOKE ALL ON FUNCTION broadcast.transaction_mark() FROM public;
