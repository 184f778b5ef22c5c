-- The schema that everything of ours lives in. It is made right before Alembic's own table, which lies in it, too.
-- No per cent sign in here: SQLAlchemy and Alembic's script would each write it in their own way.
DO $$
DECLARE
    us constant text := quote_ident(current_user);
    schema_oid constant oid := to_regnamespace('broadcast');
    schema_owner constant oid := (SELECT n.nspowner FROM pg_namespace AS n WHERE n.oid = schema_oid);
    first_objects constant text := (
        SELECT string_agg(o.name, ', ' ORDER BY o.name)
        FROM (
            SELECT c.relname AS name FROM pg_class AS c WHERE c.relnamespace = schema_oid
            UNION
            SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = schema_oid
            UNION
            SELECT t.typname FROM pg_type AS t WHERE t.typnamespace = schema_oid AND t.typrelid = 0 AND t.typelem = 0
            ORDER BY 1 LIMIT 5
        ) AS o
    );
    grantee text;
BEGIN
    IF schema_oid IS NULL AND NOT has_database_privilege(current_database(), 'CREATE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'BM004',
            MESSAGE = us || ' may not create the schema broadcast in this database; nothing was changed',
            HINT = 'Have a superuser run: CREATE SCHEMA broadcast AUTHORIZATION ' || us || '; then upgrade again.';
    ELSIF NOT pg_has_role(schema_owner, 'USAGE') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'BM004',
            MESSAGE = 'the schema broadcast belongs to ' || quote_ident(pg_get_userbyid(schema_owner)) || ', not to ' || us
                || '; nothing was changed',
            HINT = 'If it was made for the rule, have a superuser run: ALTER SCHEMA broadcast OWNER TO ' || us
                || '; then upgrade again.';
    -- Ours by its comment, or by the rule's own function where a restore left the comments out.
    ELSIF first_objects IS NOT NULL
        AND NOT starts_with(coalesce(obj_description(schema_oid, 'pg_namespace'), ''), 'broadcast-manager:')
        AND NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = schema_oid AND p.proname = 'create_broadcast_rows')
    THEN
        RAISE EXCEPTION USING
            ERRCODE = 'BM004',
            MESSAGE = 'there is a schema broadcast that is not broadcast-manager''s; nothing was changed',
            DETAIL = 'Its first objects: ' || first_objects || '.',
            HINT = 'The rule lives in a schema of this name. Give the other one another: '
                'ALTER SCHEMA broadcast RENAME TO ...; then upgrade again.';
    ELSIF first_objects IS NOT NULL THEN
        RETURN;
    END IF;

    IF schema_oid IS NULL THEN
        CREATE SCHEMA broadcast;
    END IF;
    COMMENT ON SCHEMA broadcast IS
    'broadcast-manager: every channel has exactly one broadcast row, and what works with it.';
    -- Default privileges may have opened it.
    FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        FROM pg_namespace AS n
        CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
        WHERE n.nspname = 'broadcast' AND a.grantee <> n.nspowner
    LOOP
        EXECUTE 'REVOKE ALL ON SCHEMA broadcast FROM ' || grantee;
    END LOOP;
END;
$$;
