CREATE OR REPLACE FUNCTION broadcast.moment_of(first_send text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    moment timestamptz;
BEGIN
    BEGIN
        -- PostgreSQL knows more: tomorrow, infinity.
        moment := CASE WHEN first_send ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]' THEN broadcast.finite(first_send::timestamptz) END;
    EXCEPTION WHEN data_exception THEN NULL;
    END;
    IF moment IS NULL THEN
        RAISE EXCEPTION 'the moment of the first send is not valid'
        USING ERRCODE = 'BM006',
            DETAIL = '{"first_send": "must be next_turn or a moment such as 2026-12-01T09:00:00Z"}';
    END IF;
    RETURN moment;
END;
$$;

COMMENT ON FUNCTION broadcast.moment_of(text) IS
'The moment that register_channel() is given for the first send, in UTC where it names no zone; BM006 if it is none.';
REVOKE ALL ON FUNCTION broadcast.moment_of(text) FROM public;
