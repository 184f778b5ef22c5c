CREATE OR REPLACE FUNCTION broadcast.claim_due_broadcasts(worker text, max_count integer)
RETURNS TABLE (delivery_id bigint, broadcast_id uuid, client_id uuid)
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    SELECT broadcast.skip_late_broadcasts();
    WITH due AS (
        SELECT
            b.id,
            broadcast.finite(b.next_send_time) AS due_at,
            CASE WHEN broadcast.is_by_hand(b) THEN 'by_hand' ELSE 'schedule' END AS cause
        FROM public.broadcast_manager AS b
        WHERE b.is_active
            AND b.next_send_time <= now()
            AND (
                b.broadcast_status IN ('pending', 'completed', 'failed')
                -- Nobody is sending it: another scheduler died, or the row was restored without its delivery.
                OR (
                    b.broadcast_status = 'in_progress'
                    AND EXISTS (
                        SELECT FROM broadcast.foreign_marks AS f
                        CROSS JOIN broadcast.settings AS s
                        WHERE f.broadcast_id = b.id
                            AND f.row_version = b.xmin
                            AND f.seen_at <= clock_timestamp() - s.claim_lease
                    )
                )
            )
            -- One of us is sending it, whatever another program has made of the row meanwhile; or the row was found,
            -- a moment ago, to be one that cannot be claimed.
            AND NOT EXISTS (
                SELECT FROM broadcast.deliveries AS d
                CROSS JOIN broadcast.settings AS s
                WHERE d.broadcast_id = b.id
                    AND d.finished_at IS NULL
                    AND (
                        d.worker IS NOT NULL
                        OR (d.error_code = 'not_claimable' AND d.claimed_at > now() - s.retry_pause)
                    )
            )
            AND broadcast.is_late(b) IS NOT TRUE
            AND (SELECT s.sending FROM broadcast.settings AS s)
            -- While Telegram makes the bot wait, nothing is claimed.
            AND (SELECT s.next_slot FROM broadcast.bot_slot AS s) <= now() + interval '5 seconds'
        ORDER BY b.next_send_time
        LIMIT broadcast.claim_limit(claim_due_broadcasts.max_count)
        FOR NO KEY UPDATE SKIP LOCKED
    ), claimed AS (
        UPDATE public.broadcast_manager AS b
        SET broadcast_status = 'in_progress',
            updated_at = now()
        FROM due AS d
        WHERE b.id = d.id
        RETURNING b.id, b.client_id, d.due_at, d.cause
    ), taken AS (
        INSERT INTO broadcast.deliveries AS d (broadcast_id, cause, due_at, worker, claimed_at, lease_until)
        SELECT
            c.id, c.cause, c.due_at,
            claim_due_broadcasts.worker, clock_timestamp(), clock_timestamp() + s.claim_lease
        FROM claimed AS c
        CROSS JOIN broadcast.settings AS s
        -- A delivery that failed in part goes on where it stopped.
        ON CONFLICT (broadcast_id) WHERE finished_at IS NULL
        DO UPDATE SET worker = excluded.worker, claimed_at = excluded.claimed_at, lease_until = excluded.lease_until
        WHERE d.worker IS NULL
        RETURNING d.id, d.broadcast_id
    )
    SELECT t.id, t.broadcast_id, c.client_id
    FROM taken AS t
    INNER JOIN claimed AS c ON t.broadcast_id = c.id;
$$;

COMMENT ON FUNCTION broadcast.claim_due_broadcasts(text, integer) IS
'Gives a worker so many due broadcasts, at most, that no other worker has; it must be heard of again within the lease.';
REVOKE ALL ON FUNCTION broadcast.claim_due_broadcasts(text, integer) FROM public;
