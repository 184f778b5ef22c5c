CREATE TABLE IF NOT EXISTS public.broadcast_manager_operators (
    user_id uuid PRIMARY KEY REFERENCES public.registered_users (user_id) ON DELETE CASCADE
);

COMMENT ON TABLE public.broadcast_manager_operators IS
'The users who may see the operators'' page; INSERT one to let them in.';
