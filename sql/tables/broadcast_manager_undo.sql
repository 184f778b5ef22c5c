CREATE TABLE public.broadcast_manager_undo (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision text NOT NULL,
    statement text NOT NULL
);

COMMENT ON TABLE public.broadcast_manager_undo IS
'What an upgrade changed on objects it did not make, as the statements by which a downgrade changes it back.';
COMMENT ON COLUMN public.broadcast_manager_undo.id IS
'Counts up; a downgrade takes the statements from the last to the first.';
COMMENT ON COLUMN public.broadcast_manager_undo.revision IS
'The revision whose downgrade runs the statement.';
COMMENT ON COLUMN public.broadcast_manager_undo.statement IS
'What changes it back.';
