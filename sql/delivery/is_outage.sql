CREATE OR REPLACE FUNCTION broadcast.is_outage(error_code text)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
    settings broadcast.settings;
    since timestamptz;
    failing integer;
    went_out integer;
BEGIN
    SELECT s.* INTO settings FROM broadcast.settings AS s;
    -- What failed before the last outage ended is no sign of another one.
    SELECT greatest(clock_timestamp() - settings.outage_window, o.ended_at) INTO since
    FROM (SELECT max(a.ended_at) AS ended_at FROM broadcast.outage AS a) AS o;
    SELECT count(DISTINCT d.broadcast_id) INTO failing
    FROM broadcast.delivery_parts AS p
    INNER JOIN broadcast.deliveries AS d ON p.delivery_id = d.id
    WHERE p.state = 'failed' AND p.error_code = is_outage.error_code AND p.decided_at > since;
    IF failing >= settings.outage_channels THEN
        -- The latest deliveries are enough for a share, at any length of the history.
        SELECT count(*) INTO went_out
        FROM (SELECT d.outcome, d.finished_at FROM broadcast.deliveries AS d ORDER BY d.id DESC LIMIT 1000) AS last
        WHERE last.outcome = 'sent' AND last.finished_at > since;
        IF failing >= settings.outage_share * (failing + went_out) THEN
            INSERT INTO broadcast.outage AS o (error_code, channels, next_probe_at)
            VALUES (is_outage.error_code, failing, clock_timestamp() + settings.outage_probe_interval)
            ON CONFLICT ON CONSTRAINT outage_pkey DO UPDATE
            SET error_code = excluded.error_code,
                channels = excluded.channels,
                began_at = excluded.began_at,
                next_probe_at = excluded.next_probe_at,
                ended_at = NULL
            WHERE o.ended_at IS NOT NULL;
        END IF;
    END IF;
    RETURN EXISTS (
        SELECT FROM broadcast.outage AS o WHERE o.ended_at IS NULL AND o.error_code = is_outage.error_code
    );
END;
$$;

COMMENT ON FUNCTION broadcast.is_outage(text) IS
'Whether so many channels fail with this error, in number and share, that it is no channel''s fault; it is noted then.';
REVOKE ALL ON FUNCTION broadcast.is_outage(text) FROM public;
