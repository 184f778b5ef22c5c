CREATE OR REPLACE FUNCTION broadcast.set_sending(sending boolean, note text DEFAULT NULL)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    UPDATE broadcast.settings AS s
    SET sending = set_sending.sending,
        sending_note = CASE
            WHEN NOT set_sending.sending
                THEN coalesce(nullif(btrim(set_sending.note), ''), format('Switched off by %s.', session_user))
        END;
    -- Workers that wait look at once.
    SELECT pg_notify('broadcast_manager_due', '');
$$;

COMMENT ON FUNCTION broadcast.set_sending(boolean, text) IS
'Has workers take what is due, or nothing more; what they are sending they finish. The note says why it is off.';
REVOKE ALL ON FUNCTION broadcast.set_sending(boolean, text) FROM public;
