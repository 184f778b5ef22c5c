CREATE OR REPLACE FUNCTION broadcast.client_deliveries(
    broadcast_id uuid,
    client_id uuid,
    outcome text DEFAULT NULL,
    before bigint DEFAULT NULL,
    max_count integer DEFAULT 30
)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
SET timezone = 'UTC'
-- Use the keys even while the statistics still say that the history is empty.
SET enable_seqscan = off
-- Before PostgreSQL 18 the line above makes one-row tables look expensive enough to compile for.
SET jit = off
AS $$
BEGIN
    PERFORM FROM public.broadcast_manager AS b
    WHERE b.id = client_deliveries.broadcast_id AND b.client_id = client_deliveries.client_id;
    IF NOT FOUND THEN
        PERFORM broadcast.refuse_broadcast(client_deliveries.broadcast_id);
    END IF;
    RETURN (
        SELECT coalesce(json_agg(to_json(listed) ORDER BY listed.id DESC), '[]')
        FROM (
            SELECT
                d.id,
                d.cause,
                d.due_at,
                d.started_at,
                d.finished_at,
                coalesce(d.outcome, CASE WHEN d.worker IS NULL THEN 'waiting' ELSE 'sending' END) AS outcome,
                d.error_code,
                d.error_message,
                (
                    SELECT coalesce(json_agg(to_json(p) ORDER BY p.part DESC), '[]')
                    FROM (
                        -- The last attempt of each part tells how it ended.
                        SELECT DISTINCT ON (a.part)
                            a.part, a.attempt AS attempts, a.state, a.chat_id, a.message_id, a.decided_at,
                            a.deleted_at, a.error_code, a.error_message
                        FROM broadcast.delivery_parts AS a
                        WHERE a.delivery_id = d.id
                        ORDER BY a.part, a.attempt DESC
                    ) AS p
                ) AS parts
            FROM broadcast.deliveries AS d
            WHERE d.broadcast_id = client_deliveries.broadcast_id
                AND (client_deliveries.before IS NULL OR d.id < client_deliveries.before)
                AND (
                    client_deliveries.outcome IS NULL
                    OR coalesce(d.outcome, CASE WHEN d.worker IS NULL THEN 'waiting' ELSE 'sending' END)
                    = client_deliveries.outcome
                )
            ORDER BY d.id DESC
            LIMIT greatest(1, least(client_deliveries.max_count, 100))
        ) AS listed
    );
END;
$$;

COMMENT ON FUNCTION broadcast.client_deliveries(uuid, uuid, text, bigint, integer) IS
'The deliveries of a client''s own broadcast with their parts, the newest first, as JSON: of one outcome or of all, '
'those before the id given. One that has not ended is sending, or waiting for its next attempt.';
REVOKE ALL ON FUNCTION broadcast.client_deliveries(uuid, uuid, text, bigint, integer) FROM public;
