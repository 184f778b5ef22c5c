-- Takes away what Alembic made before a refusal, or left after a downgrade. A schema that this role could not make again
-- stays, and so does one that holds anything.
DO $$
BEGIN
    IF to_regclass('broadcast.alembic_version') IS NOT NULL THEN
        IF EXISTS (SELECT FROM broadcast.alembic_version) THEN
            RETURN;
        END IF;
        DROP TABLE broadcast.alembic_version;
    END IF;
    IF to_regnamespace('broadcast') IS NOT NULL AND has_database_privilege(current_database(), 'CREATE') THEN
        BEGIN
            DROP SCHEMA broadcast;
        EXCEPTION
            WHEN dependent_objects_still_exist THEN NULL;
        END;
    END IF;
END;
$$;
