CREATE TABLE IF NOT EXISTS broadcast.operators (
    user_id uuid PRIMARY KEY REFERENCES public.registered_users (user_id) ON DELETE CASCADE
);

COMMENT ON TABLE broadcast.operators IS
'The users who may see the operators'' page; INSERT one to let them in.';
COMMENT ON COLUMN broadcast.operators.user_id IS
'The operator.';
COMMENT ON CONSTRAINT operators_user_id_fkey ON broadcast.operators IS
'Who is deleted is no operator any more.';
