CREATE TABLE IF NOT EXISTS public.broadcast_manager_operators (
    user_id uuid PRIMARY KEY REFERENCES public.registered_users (user_id) ON DELETE CASCADE
);

COMMENT ON TABLE public.broadcast_manager_operators IS
'The users who may see the operators'' page; INSERT one to let them in.';
COMMENT ON COLUMN public.broadcast_manager_operators.user_id IS
'The operator.';
COMMENT ON CONSTRAINT broadcast_manager_operators_user_id_fkey ON public.broadcast_manager_operators IS
'Who is deleted is no operator any more.';
