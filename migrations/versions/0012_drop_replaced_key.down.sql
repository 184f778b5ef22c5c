DO $$
DECLARE
    u broadcast.undo;
BEGIN
    FOR u IN SELECT * FROM broadcast.undo AS n WHERE n.revision = 'drop_replaced_key' ORDER BY n.id DESC LOOP
        PERFORM broadcast.lock_without_queueing('ACCESS EXCLUSIVE', 'public.registered_users', 'public.broadcast_manager');
        EXECUTE u.statement;
        DELETE FROM broadcast.undo AS n WHERE n.id = u.id;
    END LOOP;
END;
$$;
