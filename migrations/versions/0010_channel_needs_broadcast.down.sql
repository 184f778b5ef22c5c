SELECT broadcast.lock_without_queueing(
    'ACCESS EXCLUSIVE', 'public.main_clients_database', 'public.broadcast_manager'
);
ALTER TABLE public.main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey;
