CREATE TABLE broadcast.undo (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    revision text NOT NULL,
    statement text NOT NULL
);

COMMENT ON TABLE broadcast.undo IS
'What an upgrade changed on objects it did not make, as the statements by which a downgrade changes it back.';
COMMENT ON COLUMN broadcast.undo.id IS
'Counts up; a downgrade takes the statements from the last to the first.';
COMMENT ON COLUMN broadcast.undo.revision IS
'The revision whose downgrade runs the statement.';
COMMENT ON COLUMN broadcast.undo.statement IS
'What changes it back.';
