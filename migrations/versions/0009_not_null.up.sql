-- NULL passes foreign keys, so the key columns take none. SET NOT NULL alone would read the whole table behind a
-- lock that stops everyone; after a valid CHECK it only flips a switch.
DO $$
DECLARE
    c record;
BEGIN
    FOR c IN
        SELECT a.attrelid::regclass AS relation, a.attname AS column_name, t.relname || '_' || a.attname || '_check_not_null' AS check_name
        FROM pg_attribute AS a
        INNER JOIN pg_class AS t ON a.attrelid = t.oid
        WHERE a.attrelid IN ('public.broadcast_manager'::regclass, 'public.main_clients_database'::regclass)
            AND a.attname IN ('client_id', 'open_channel_id', 'closed_channel_id')
            AND NOT a.attnotnull
        ORDER BY 1, 2
    LOOP
        IF NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.relation AND k.conname = c.check_name) THEN
            PERFORM broadcast.lock_without_queueing('ACCESS EXCLUSIVE', c.relation);
            EXECUTE format(
                'ALTER TABLE %s ADD CONSTRAINT %I CHECK (%I IS NOT NULL) NOT VALID', c.relation, c.check_name, c.column_name
            );
        END IF;
        COMMIT;
        -- Rows that came in between.
        CALL broadcast.repair_broadcasts();
        PERFORM broadcast.lock_without_queueing('SHARE UPDATE EXCLUSIVE', c.relation);
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.relation, c.check_name);
        COMMIT;
        PERFORM broadcast.lock_without_queueing('ACCESS EXCLUSIVE', c.relation);
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', c.relation, c.column_name);
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.relation, c.check_name);
        INSERT INTO broadcast.undo (revision, statement)
        VALUES ('not_null', format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', c.relation, c.column_name));
        COMMIT;
    END LOOP;
END;
$$
\g
