CREATE OR REPLACE FUNCTION broadcast.repair_broadcast_batch(broadcast_ids uuid [])
RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp SET row_security = off
SET lock_timeout = '100ms'
AS $$
DECLARE
    b public.broadcast_manager;
    broken record;
    repaired integer := 0;
BEGIN
    -- Most history first: of several rows that could be re-linked to one channel, the first one is.
    FOR b IN
        SELECT m.* FROM public.broadcast_manager AS m
        WHERE m.id = ANY (broadcast_ids)
        ORDER BY m.total_broadcasts DESC NULLS LAST, m.last_sent_time DESC NULLS LAST, m.created_at, m.id
        FOR UPDATE SKIP LOCKED
    LOOP
        SELECT * INTO broken FROM broadcast.broken_broadcasts() AS v WHERE v.broadcast_id = b.id;
        CONTINUE WHEN NOT FOUND;
        IF broken.reason <> 'channel_gone' THEN
            -- The key will ask for this channel; asked for here, it need not be waited for while rows are held.
            PERFORM FROM public.main_clients_database AS c
            WHERE c.open_channel_id = b.open_channel_id
                AND c.closed_channel_id = coalesce(broken.relink_closed_channel_id, b.closed_channel_id)
                AND c.client_id = coalesce(broken.channel_client_id, b.client_id)
            FOR KEY SHARE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
        END IF;
        INSERT INTO broadcast.quarantine (reason, broadcast_id, broadcast_row)
        VALUES (broken.reason, b.id, to_jsonb(b));
        IF broken.reason = 'owner_corrected' THEN
            UPDATE public.broadcast_manager SET client_id = broken.channel_client_id WHERE id = b.id;
        ELSIF broken.reason = 'relinked' THEN
            UPDATE public.broadcast_manager SET closed_channel_id = broken.relink_closed_channel_id WHERE id = b.id;
        ELSE
            DELETE FROM public.broadcast_manager WHERE id = b.id;
        END IF;
        repaired := repaired + 1;
    END LOOP;
    RETURN repaired;
END;
$$;

COMMENT ON FUNCTION broadcast.repair_broadcast_batch(uuid []) IS
'Corrects the owner of these broadcast rows, re-links them or quarantines them; skips rows that a client holds.';
REVOKE ALL ON FUNCTION broadcast.repair_broadcast_batch(uuid []) FROM public;
