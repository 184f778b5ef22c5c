DO $$
DECLARE
    u public.broadcast_manager_undo;
BEGIN
    FOR u IN SELECT * FROM public.broadcast_manager_undo AS n WHERE n.revision = '0012' ORDER BY n.id DESC LOOP
        PERFORM public.lock_without_queueing('ACCESS EXCLUSIVE', 'public.registered_users', 'public.broadcast_manager');
        EXECUTE u.statement;
        DELETE FROM public.broadcast_manager_undo AS n WHERE n.id = u.id;
    END LOOP;
END;
$$;
