ALTER TABLE public.main_clients_database
ADD CONSTRAINT main_clients_database_owner_fkey
FOREIGN KEY (client_id) REFERENCES public.registered_users (user_id) ON DELETE CASCADE;

COMMENT ON CONSTRAINT main_clients_database_owner_fkey ON public.main_clients_database IS
'A channel goes with its owner; made only where no such key was there.';
