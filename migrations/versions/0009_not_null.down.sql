DO $$
DECLARE
    u broadcast.undo;
BEGIN
    FOR u IN SELECT * FROM broadcast.undo AS n WHERE n.revision = 'not_null' ORDER BY n.id DESC LOOP
        PERFORM broadcast.lock_without_queueing('ACCESS EXCLUSIVE', 'public.main_clients_database', 'public.broadcast_manager');
        EXECUTE u.statement;
        DELETE FROM broadcast.undo AS n WHERE n.id = u.id;
    END LOOP;
END;
$$;
