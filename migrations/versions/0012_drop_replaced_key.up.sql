-- broadcast_manager.client_id pointed at registered_users; the channel's own key says so already, through the pair.
DO $$
DECLARE
    k record;
BEGIN
    FOR k IN
        SELECT c.conname AS constraint_name, pg_get_constraintdef(c.oid) AS definition, obj_description(c.oid, 'pg_constraint') AS comment
        FROM pg_constraint AS c
        WHERE c.contype = 'f'
            AND c.conrelid = 'public.broadcast_manager'::regclass
            AND c.confrelid = 'public.registered_users'::regclass
            AND c.conkey = ARRAY[(
                SELECT a.attnum FROM pg_attribute AS a WHERE a.attrelid = c.conrelid AND a.attname = 'client_id'
            )]
    LOOP
        PERFORM broadcast.lock_without_queueing(
            'ACCESS EXCLUSIVE', 'public.registered_users', 'public.broadcast_manager'
        );
        -- Undone from the last to the first: the key, then its comment.
        INSERT INTO broadcast.undo (revision, statement)
        SELECT 'drop_replaced_key', format('COMMENT ON CONSTRAINT %I ON public.broadcast_manager IS %L', k.constraint_name, k.comment)
        WHERE k.comment IS NOT NULL;
        INSERT INTO broadcast.undo (revision, statement)
        VALUES ('drop_replaced_key', format('ALTER TABLE public.broadcast_manager ADD CONSTRAINT %I %s', k.constraint_name, k.definition));
        EXECUTE format('ALTER TABLE public.broadcast_manager DROP CONSTRAINT %I', k.constraint_name);
    END LOOP;
END;
$$;
