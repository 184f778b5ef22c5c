CREATE OR REPLACE FUNCTION broadcast.set_aside_unclaimable()
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
DECLARE
    due record;
    refused integer := 0;
BEGIN
    FOR due IN
        SELECT b.id FROM public.broadcast_manager AS b
        WHERE b.is_active AND b.next_send_time <= now()
            -- What a worker has been given is its own.
            AND NOT EXISTS (
                SELECT FROM broadcast.deliveries AS d
                WHERE d.broadcast_id = b.id AND d.finished_at IS NULL AND d.worker IS NOT NULL
            )
        ORDER BY b.next_send_time
        LIMIT 10000
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        BEGIN
            UPDATE public.broadcast_manager AS b SET broadcast_status = 'in_progress', updated_at = now()
            WHERE b.id = due.id;
            RAISE EXCEPTION 'it can be claimed' USING ERRCODE = 'BM017';
        EXCEPTION
            WHEN SQLSTATE 'BM017' THEN NULL;
            -- These pass by themselves.
            WHEN transaction_rollback OR lock_not_available OR insufficient_resources OR operator_intervention THEN
                RAISE;
            WHEN OTHERS THEN
                INSERT INTO broadcast.deliveries AS d (broadcast_id, claimed_at, error_code, error_message)
                VALUES (due.id, clock_timestamp(), 'not_claimable', left(SQLSTATE || ' ' || SQLERRM, 500))
                ON CONFLICT (broadcast_id) WHERE finished_at IS NULL
                DO UPDATE SET claimed_at = excluded.claimed_at, error_code = excluded.error_code,
                    error_message = excluded.error_message;
                refused := refused + 1;
        END;
    END LOOP;
    RETURN refused;
END;
$$;

COMMENT ON FUNCTION broadcast.set_aside_unclaimable() IS
'Finds the due broadcasts whose row the database does not let be claimed, so that they do not hold up the others.';
REVOKE ALL ON FUNCTION broadcast.set_aside_unclaimable() FROM public;
