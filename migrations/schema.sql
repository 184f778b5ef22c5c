-- The schema that everything of ours lives in: made before Alembic's own table, which lies in it.
DO $$
DECLARE
    schema_oid constant oid := to_regnamespace('broadcast');
    first_objects text;
    grantee text;
BEGIN
    IF schema_oid IS NULL THEN
        IF NOT has_database_privilege(current_database(), 'CREATE') THEN
            RAISE EXCEPTION '% may not create the schema broadcast in the database %; nothing was changed', current_user, current_database()
            USING ERRCODE = 'BM004', HINT = format(
                'Have its owner or a superuser run: CREATE SCHEMA broadcast AUTHORIZATION %I; then upgrade again.', current_user
            );
        END IF;
        CREATE SCHEMA broadcast;
    ELSE
        IF NOT pg_has_role(current_user, (SELECT n.nspowner FROM pg_namespace AS n WHERE n.oid = schema_oid), 'USAGE') THEN
            RAISE EXCEPTION 'the schema broadcast belongs to %, not to %; nothing was changed',
                (SELECT pg_get_userbyid(n.nspowner) FROM pg_namespace AS n WHERE n.oid = schema_oid), current_user
            USING ERRCODE = 'BM004', HINT = format(
                'If it was made for the rule, have a superuser run: ALTER SCHEMA broadcast OWNER TO %I; then upgrade again.',
                current_user
            );
        END IF;
        SELECT string_agg(o.name, ', ') INTO first_objects
        FROM (
            SELECT c.relname::text AS name FROM pg_class AS c WHERE c.relnamespace = schema_oid
            UNION
            SELECT p.proname::text FROM pg_proc AS p WHERE p.pronamespace = schema_oid
            UNION
            SELECT t.typname::text FROM pg_type AS t WHERE t.typnamespace = schema_oid AND t.typrelid = 0 AND t.typelem = 0
            ORDER BY 1 LIMIT 5
        ) AS o;
        -- Ours by its comment, or by the rule's own function where a restore left the comments out.
        IF first_objects IS NOT NULL
            AND coalesce(obj_description(schema_oid, 'pg_namespace'), '') NOT LIKE 'broadcast-manager:%'
            AND NOT EXISTS (
                SELECT FROM pg_proc AS p WHERE p.pronamespace = schema_oid AND p.proname = 'create_broadcast_rows'
            )
        THEN
            RAISE EXCEPTION 'there is a schema broadcast that is not broadcast-manager''s; nothing was changed'
            USING ERRCODE = 'BM004',
                DETAIL = format('Its first objects: %s.', first_objects),
                HINT = 'The rule lives in a schema of this name: rename the other one, ALTER SCHEMA broadcast RENAME TO …, '
                    'then upgrade again.';
        END IF;
    END IF;
    COMMENT ON SCHEMA broadcast IS
    'broadcast-manager: every channel has exactly one broadcast row, and what works with it.';
    -- Default privileges may have opened it.
    FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(a.grantee)) END
        FROM pg_namespace AS n
        CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
        WHERE n.nspname = 'broadcast' AND a.grantee <> n.nspowner
            AND pg_get_userbyid(a.grantee) NOT IN (
                'broadcast_reader', 'broadcast_api', 'broadcast_channel_writer', 'broadcast_worker'
            )
    LOOP
        EXECUTE format('REVOKE ALL ON SCHEMA broadcast FROM %s', grantee);
    END LOOP;
END;
$$;
