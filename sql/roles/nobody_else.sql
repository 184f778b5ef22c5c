-- Default privileges may have opened what was made; a restore without grants gives every function to PUBLIC.
-- Nobody keeps a right here but the owner, and then the roles get theirs.
DO $$
DECLARE
    grantee text;
    objects text;
BEGIN
    FOR grantee IN
        SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
        FROM (
            SELECT n.nspowner, n.nspacl
            FROM pg_catalog.pg_namespace AS n
            WHERE n.nspname = 'broadcast'
            UNION ALL
            SELECT c.relowner, c.relacl
            FROM pg_catalog.pg_class AS c
            WHERE c.relnamespace = 'broadcast'::regnamespace
            UNION ALL
            SELECT p.proowner, coalesce(p.proacl, acldefault('f', p.proowner))
            FROM pg_catalog.pg_proc AS p
            WHERE p.pronamespace = 'broadcast'::regnamespace
        ) AS o (owner_oid, acl)
        CROSS JOIN LATERAL aclexplode(o.acl) AS a
        WHERE a.grantee <> o.owner_oid
    LOOP
        FOREACH objects IN ARRAY ARRAY[
            'SCHEMA broadcast', 'ALL TABLES IN SCHEMA broadcast', 'ALL SEQUENCES IN SCHEMA broadcast',
            'ALL ROUTINES IN SCHEMA broadcast'
        ] LOOP
            EXECUTE format('REVOKE ALL ON %s FROM %s CASCADE', objects, grantee);
        END LOOP;
    END LOOP;
END;
$$;
