CREATE OR REPLACE FUNCTION broadcast.note_result(b public.broadcast_manager, result text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET row_security = off
AS $$
    INSERT INTO broadcast.notices (client_id, broadcast_id, kind, message)
    SELECT
        b.client_id, b.id,
        CASE note_result.result WHEN 'sent' THEN 'recovered' ELSE note_result.result END,
        b.last_error_message
    WHERE note_result.result = 'switched_off'
        OR (note_result.result = 'failed' AND b.consecutive_failures = 1)
        OR (
            note_result.result = 'sent' AND (
                SELECT n.kind FROM broadcast.notices AS n WHERE n.broadcast_id = b.id ORDER BY n.id DESC LIMIT 1
            ) <> 'recovered'
        );
$$;

COMMENT ON FUNCTION broadcast.note_result(public.broadcast_manager, text) IS
'Tells the owner of a first failure, of switching off and of recovery, in the transaction that decides it.';
REVOKE ALL ON FUNCTION broadcast.note_result(public.broadcast_manager, text) FROM public;
