SELECT broadcast.lock_without_queueing(
    'ACCESS EXCLUSIVE', 'public.registered_users', 'public.main_clients_database', 'public.broadcast_manager'
);
ALTER TABLE public.broadcast_manager DROP CONSTRAINT broadcast_manager_client_id_pair_fkey;

-- Only what the upgrade set.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_attribute AS a
        CROSS JOIN pg_options_to_table(a.attoptions) AS o
        WHERE a.attrelid = 'public.broadcast_manager'::regclass AND a.attname = 'client_id'
            AND o.option_name = 'n_distinct' AND o.option_value = '-0.01'
    ) THEN
        ALTER TABLE public.broadcast_manager ALTER COLUMN client_id RESET (n_distinct);
    END IF;
END;
$$;

-- A key of this name that was there before us has no comment of ours, and stays.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_constraint AS k
        WHERE k.conrelid = 'public.main_clients_database'::regclass AND k.conname = 'main_clients_database_owner_fkey'
            AND obj_description(k.oid, 'pg_constraint') = 'A channel goes with its owner; made only where no such key was there.'
    ) THEN
        ALTER TABLE public.main_clients_database DROP CONSTRAINT main_clients_database_owner_fkey;
    END IF;
END;
$$;

DROP TRIGGER refuse_broadcast_truncate ON public.broadcast_manager;
DROP TRIGGER take_over_auto_created_row ON public.broadcast_manager;
DROP TRIGGER create_broadcast_rows ON public.main_clients_database;
DROP FUNCTION broadcast.refuse_broadcast_truncate();
DROP FUNCTION broadcast.take_over_auto_created_row();
DROP FUNCTION broadcast.create_broadcast_rows();
