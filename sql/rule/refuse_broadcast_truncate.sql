CREATE OR REPLACE FUNCTION broadcast.refuse_broadcast_truncate()
RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF current_setting('broadcast_manager.allow_truncate', true) IS DISTINCT FROM 'on'
        -- What it may not see, it takes for there.
        AND (row_security_active('public.main_clients_database') OR EXISTS (SELECT FROM public.main_clients_database))
    THEN
        RAISE EXCEPTION 'broadcast_manager cannot be truncated while there are channels'
        USING ERRCODE = 'BM002',
            DETAIL = 'TRUNCATE ... CASCADE would remove every channel together with its broadcast row.',
            HINT = 'To empty both, as test fixtures do: DELETE FROM main_clients_database, '
                'or SET LOCAL broadcast_manager.allow_truncate = ''on'' in the transaction that truncates.';
    END IF;
    RETURN NULL;
END;
$$;

COMMENT ON FUNCTION broadcast.refuse_broadcast_truncate() IS
'Refuses to truncate broadcast rows under living channels, and channels by way of them.';
REVOKE ALL ON FUNCTION broadcast.refuse_broadcast_truncate() FROM public;
