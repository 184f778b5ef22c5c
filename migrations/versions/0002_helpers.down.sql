DROP FUNCTION broadcast.lock_without_queueing(text, regclass []);
DROP TABLE broadcast.undo;

-- A filled quarantine stays: it holds rows that are nowhere else.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM broadcast.quarantine) THEN
        DROP TABLE broadcast.quarantine;
    END IF;
END;
$$;
