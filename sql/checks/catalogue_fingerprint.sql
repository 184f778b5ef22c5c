-- What the catalogue says of the rule, one line a fact, alike on PostgreSQL 15 to 18 and after dump and restore:
--   psql "$DATABASE_URL" -f sql/checks/catalogue_fingerprint.sql
-- scope rule: our own objects. needed: what we found or made, by structure, under whatever name.
-- other: what else stands on the three tables; it is listed and never judged.
WITH
business_tables AS (
    SELECT c.oid, c.relname::text AS table_name, c.relowner, c.relacl
    FROM pg_catalog.pg_class AS c
    WHERE
        c.relnamespace = to_regnamespace('public')
        AND c.relname IN ('registered_users', 'main_clients_database', 'broadcast_manager')
),

rule_schema AS (
    SELECT n.oid, n.nspname::text AS schema_name, n.nspowner, n.nspacl
    FROM pg_catalog.pg_namespace AS n
    WHERE n.nspname = 'broadcast'
),

-- Whatever lies in our schema counts: what this release does not bring is a difference, too.
rule_relations AS (
    SELECT c.oid, c.relname::text AS relation_name, c.relkind, c.relowner, c.relacl
    FROM pg_catalog.pg_class AS c
    INNER JOIN rule_schema AS s ON c.relnamespace = s.oid
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname <> 'alembic_version'
),

rule_functions AS (
    SELECT p.*, p.proname::text AS function_name
    FROM pg_catalog.pg_proc AS p
    INNER JOIN rule_schema AS s ON p.pronamespace = s.oid
),

rule_roles (role_name) AS (
    VALUES
    ('broadcast_reader'), ('broadcast_channel_writer'), ('broadcast_api'), ('broadcast_worker')
),

rule_constraints AS (
    SELECT k.*, k.conname::text AS constraint_name
    FROM pg_catalog.pg_constraint AS k
    WHERE
        k.conrelid IN (SELECT b.oid FROM business_tables AS b)
        AND k.conname IN ('broadcast_manager_client_id_pair_fkey', 'main_clients_database_pair_fkey')
),

-- Every grant that is not the owner's own. Object and grantee are written as GRANT takes them, since doctor prints
-- statements; a type of a parameter by its own schema, whatever the caller's search_path.
grants AS (
    SELECT
        g.object_name,
        g.is_ours,
        a.privilege_type || CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END AS privilege,
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
    FROM (
        SELECT
            CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END || format(' broadcast.%I', c.relname)
                AS object_name,
            TRUE AS is_ours, c.relowner AS owner_oid, c.relacl AS acl
        FROM pg_catalog.pg_class AS c
        INNER JOIN rule_schema AS s ON c.relnamespace = s.oid
        UNION ALL
        SELECT 'TABLE public.' || b.table_name, FALSE, b.relowner, b.relacl
        FROM business_tables AS b
        UNION ALL
        SELECT
            format(
                '%s broadcast.%I(%s)', CASE f.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, f.function_name,
                (
                    SELECT string_agg(
                        CASE
                            WHEN n.nspname = 'pg_catalog' THEN format_type(y.oid, NULL)
                            ELSE format('%I.%I', n.nspname, y.typname)
                        END, ', ' ORDER BY x.position
                    )
                    FROM unnest(f.proargtypes) WITH ORDINALITY AS x (type_oid, position)
                    INNER JOIN pg_catalog.pg_type AS y ON x.type_oid = y.oid
                    INNER JOIN pg_catalog.pg_namespace AS n ON y.typnamespace = n.oid
                )
            ),
            TRUE, f.proowner, coalesce(f.proacl, acldefault('f', f.proowner))
        FROM rule_functions AS f
        UNION ALL
        SELECT 'SCHEMA ' || s.schema_name, TRUE, s.nspowner, s.nspacl
        FROM rule_schema AS s
    ) AS g
    CROSS JOIN LATERAL aclexplode(g.acl) AS a
    WHERE a.grantee <> g.owner_oid
    UNION ALL
    SELECT
        format('TABLE %s.%I', r.schema_name, r.relation_name), r.is_ours,
        format('%s (%I)', a.privilege_type, c.attname)
        || CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END,
        CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
    FROM (
        SELECT b.oid, 'public' AS schema_name, b.table_name AS relation_name, FALSE AS is_ours
        FROM business_tables AS b
        UNION ALL
        SELECT t.oid, 'broadcast', t.relation_name, TRUE
        FROM rule_relations AS t
    ) AS r
    INNER JOIN pg_catalog.pg_attribute AS c ON r.oid = c.attrelid AND c.attacl IS NOT NULL
    CROSS JOIN LATERAL aclexplode(c.attacl) AS a
),

unique_keys AS (
    SELECT
        i.indrelid,
        (
            SELECT array_agg(a.attname::text ORDER BY a.attname)
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::smallint [])[0:i.indnkeyatts - 1])
        ) AS column_names
    FROM pg_catalog.pg_index AS i
    WHERE
        i.indrelid IN (SELECT b.oid FROM business_tables AS b)
        AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL
),

facts (scope, kind, name, definition) AS (
    SELECT 'rule', 'function', f.function_name, format(
        '%s(%s) returns %s, language %s, %s, security %s, set %s',
        CASE f.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
        regexp_replace(pg_get_function_identity_arguments(f.oid), '\m(public|broadcast)\.', '', 'g'),
        coalesce(regexp_replace(format_type(nullif(f.prorettype, 0), NULL), '\m(public|broadcast)\.', '', 'g'), ''),
        l.lanname,
        f.provolatile, CASE WHEN f.prosecdef THEN 'definer' ELSE 'invoker' END,
        coalesce(array_to_string(f.proconfig, ' and '), 'nothing')
    )
    FROM rule_functions AS f
    INNER JOIN pg_catalog.pg_language AS l ON f.prolang = l.oid
    UNION ALL
    SELECT 'rule', 'function body', f.function_name, md5(f.prosrc)
    FROM rule_functions AS f
    UNION ALL
    SELECT 'rule', 'comment', 'function ' || f.function_name, obj_description(f.oid, 'pg_proc')
    FROM rule_functions AS f
    UNION ALL
    SELECT
        'rule', 'relation', r.relation_name,
        CASE r.relkind WHEN 'v' THEN 'view' WHEN 'r' THEN 'table' ELSE r.relkind::text END
    FROM rule_relations AS r
    UNION ALL
    -- Without aliases: PostgreSQL adds some of its own when it restores a view. The columns' names are facts, too.
    -- In a view of one table PostgreSQL 15 also names the table before each column.
    SELECT
        'rule', 'view body', r.relation_name,
        md5(regexp_replace(
            CASE WHEN v.body LIKE '%JOIN%' THEN v.body ELSE regexp_replace(v.body, '\m[a-z]\.', '', 'g') END,
            ' AS "?[a-z0-9_?]+"?', '', 'g'
        ))
    FROM rule_relations AS r
    CROSS JOIN LATERAL regexp_replace(pg_get_viewdef(r.oid), '\m(public|broadcast)\.', '', 'g') AS v (body)
    WHERE r.relkind = 'v'
    UNION ALL
    SELECT 'rule', 'comment', 'relation ' || r.relation_name, obj_description(r.oid, 'pg_class')
    FROM rule_relations AS r
    UNION ALL
    SELECT 'rule', 'column', r.relation_name || '.' || a.attname, concat_ws(
        ' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), 'IDENTITY ' || nullif(a.attidentity::text, '')
    )
    FROM rule_relations AS r
    INNER JOIN pg_catalog.pg_attribute AS a ON r.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    UNION ALL
    SELECT
        'rule', 'constraint', r.relation_name || '.' || k.conname,
        regexp_replace(pg_get_constraintdef(k.oid), '\m(public|broadcast)\.', '', 'g')
    FROM rule_relations AS r
    INNER JOIN pg_catalog.pg_constraint AS k ON r.oid = k.conrelid AND k.contype <> 'n'
    UNION ALL
    SELECT 'rule', 'index', c.relname::text, format(
        '%s, %s', regexp_replace(pg_get_indexdef(i.indexrelid), '\m(public|broadcast)\.', '', 'g'),
        CASE WHEN i.indisvalid THEN 'valid' ELSE 'not valid' END
    )
    FROM rule_relations AS r
    INNER JOIN pg_catalog.pg_index AS i ON r.oid = i.indrelid
    INNER JOIN pg_catalog.pg_class AS c ON i.indexrelid = c.oid
    UNION ALL
    SELECT 'rule', 'constraint', k.constraint_name, format(
        '%s, %s', regexp_replace(pg_get_constraintdef(k.oid), '\m(public|broadcast)\.', '', 'g'),
        CASE WHEN k.convalidated THEN 'valid' ELSE 'not valid' END
    )
    FROM rule_constraints AS k
    UNION ALL
    SELECT 'rule', 'comment', 'constraint ' || k.constraint_name, obj_description(k.oid, 'pg_constraint')
    FROM rule_constraints AS k
    UNION ALL
    -- The internal triggers do a key's work; each has a number in its name, so the function it calls stands for it.
    SELECT 'rule', 'key trigger', format('%s on %s, %s', k.constraint_name, b.table_name, p.proname), t.tgenabled::text
    FROM rule_constraints AS k
    INNER JOIN pg_catalog.pg_trigger AS t ON k.oid = t.tgconstraint
    INNER JOIN business_tables AS b ON t.tgrelid = b.oid
    INNER JOIN pg_catalog.pg_proc AS p ON t.tgfoid = p.oid
    UNION ALL
    SELECT
        CASE
            WHEN t.tgfoid IN (SELECT f.oid FROM rule_functions AS f) THEN 'rule'
            ELSE 'other'
        END,
        'trigger', format('%s on %s', t.tgname, b.table_name),
        format(
            '%s; enabled %s', regexp_replace(pg_get_triggerdef(t.oid), '\m(public|broadcast)\.', '', 'g'), t.tgenabled
        )
    FROM business_tables AS b
    INNER JOIN pg_catalog.pg_trigger AS t ON b.oid = t.tgrelid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'rule', 'comment', 'trigger ' || t.tgname, obj_description(t.oid, 'pg_trigger')
    FROM business_tables AS b
    INNER JOIN pg_catalog.pg_trigger AS t ON b.oid = t.tgrelid
    WHERE t.tgfoid IN (SELECT f.oid FROM rule_functions AS f)
    UNION ALL
    SELECT
        CASE WHEN g.is_ours OR g.grantee IN (SELECT r.role_name FROM rule_roles AS r) THEN 'rule' ELSE 'other' END,
        'grant', format('on %s to %s', g.object_name, g.grantee), string_agg(g.privilege, ', ' ORDER BY g.privilege)
    FROM grants AS g
    GROUP BY g.is_ours, g.object_name, g.grantee
    UNION ALL
    SELECT 'rule', 'role', r.rolname::text, CASE WHEN r.rolcanlogin THEN 'may log in' ELSE 'may not log in' END
    FROM pg_catalog.pg_roles AS r
    WHERE r.rolname IN (SELECT w.role_name FROM rule_roles AS w)
    UNION ALL
    SELECT 'rule', 'owner', f.function_name || ' runs as', CASE
        WHEN f.proowner = b.relowner THEN 'the owner of broadcast_manager'
        ELSE 'another role than the owner of broadcast_manager'
    END
    FROM rule_functions AS f
    INNER JOIN business_tables AS b ON b.table_name = 'broadcast_manager'
    WHERE f.prosecdef
    UNION ALL
    SELECT
        'needed', 'column', b.table_name || '.' || a.attname,
        CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE 'takes NULL' END
    FROM business_tables AS b
    INNER JOIN pg_catalog.pg_attribute AS a ON b.oid = a.attrelid AND NOT a.attisdropped
    WHERE
        b.table_name <> 'registered_users'
        AND a.attname IN ('client_id', 'open_channel_id', 'closed_channel_id')
    UNION ALL
    -- Our functions run as the tables' owner.
    SELECT 'needed', 'row level security', b.table_name, CASE
        WHEN c.relrowsecurity AND c.relforcerowsecurity AND NOT (o.rolbypassrls OR o.rolsuper)
            THEN 'hides rows from the owner'
        ELSE 'hides no rows from the owner'
    END
    FROM business_tables AS b
    INNER JOIN pg_catalog.pg_class AS c ON b.oid = c.oid
    INNER JOIN pg_catalog.pg_roles AS o ON b.relowner = o.oid
    UNION ALL
    SELECT 'rule', 'row level security', r.relation_name, CASE WHEN c.relrowsecurity THEN 'on' ELSE 'off' END
    FROM rule_relations AS r
    INNER JOIN pg_catalog.pg_class AS c ON r.oid = c.oid AND c.relkind = 'r'
    UNION ALL
    SELECT 'needed', 'rewriting', b.table_name, coalesce(
        (
            SELECT 'by rules: ' || string_agg(w.rulename, ', ' ORDER BY w.rulename)
            FROM pg_catalog.pg_rewrite AS w
            WHERE w.ev_class = b.oid AND w.ev_type <> '1' AND w.ev_enabled <> 'D'
        ),
        'by no rule'
    )
    FROM business_tables AS b
    WHERE b.table_name <> 'registered_users'
    UNION ALL
    SELECT 'needed', 'unique key', n.description, CASE
        WHEN EXISTS (
            SELECT FROM unique_keys AS u
            WHERE
                u.indrelid = (
                    SELECT b.oid FROM business_tables AS b
                    WHERE b.table_name = n.table_name
                )
                AND (n.column_names = u.column_names OR (n.may_be_implied AND n.column_names @> u.column_names))
        ) THEN 'there and valid' ELSE 'missing or not valid'
    END
    FROM (
        VALUES
        ('one channel per pair', 'main_clients_database', ARRAY['closed_channel_id', 'open_channel_id'], TRUE),
        (
            'channel by owner and pair', 'main_clients_database',
            ARRAY['client_id', 'closed_channel_id', 'open_channel_id'], FALSE
        ),
        ('one broadcast row per pair', 'broadcast_manager', ARRAY['closed_channel_id', 'open_channel_id'], FALSE)
    ) AS n (description, table_name, column_names, may_be_implied)
    UNION ALL
    SELECT 'needed', 'foreign key', 'channel to its owner', CASE
        WHEN EXISTS (
            SELECT FROM pg_catalog.pg_constraint AS k
            WHERE
                -- Not to_regclass(): it wants USAGE on the schema.
                k.contype = 'f' AND k.convalidated
                AND k.conrelid = (
                    SELECT b.oid FROM business_tables AS b
                    WHERE b.table_name = 'main_clients_database'
                )
                AND k.confrelid = (
                    SELECT b.oid FROM business_tables AS b
                    WHERE b.table_name = 'registered_users'
                )
        ) THEN 'there and valid' ELSE 'missing or not valid'
    END
    UNION ALL
    SELECT 'other', 'column', b.table_name || '.' || a.attname, concat_ws(
        ' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid)
    )
    FROM business_tables AS b
    INNER JOIN pg_catalog.pg_attribute AS a ON b.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_catalog.pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    UNION ALL
    -- PostgreSQL writes the casts of varchar IN (...) in another place after a dump and restore, so they are left out.
    SELECT 'other', 'constraint', b.table_name || '.' || k.conname, format(
        '%s, %s',
        regexp_replace(
            regexp_replace(
                regexp_replace(
                    regexp_replace(pg_get_constraintdef(k.oid), '\m(public|broadcast)\.', '', 'g'),
                    '::(text|character varying)(\[\])?', '', 'g'
                ),
                '\((''[^'']*'')\)', '\1', 'g'
            ),
            '\(\((ARRAY\[[^]]*\])\)\)', '(\1)', 'g'
        ),
        CASE WHEN k.convalidated THEN 'valid' ELSE 'not valid' END
    )
    FROM business_tables AS b
    INNER JOIN pg_catalog.pg_constraint AS k ON b.oid = k.conrelid AND k.contype NOT IN ('n', 't')
    WHERE k.oid NOT IN (SELECT r.oid FROM rule_constraints AS r)
    UNION ALL
    SELECT 'other', 'index', b.table_name || '.' || c.relname, format(
        '%s, %s', regexp_replace(pg_get_indexdef(i.indexrelid), '\m(public|broadcast)\.', '', 'g'),
        CASE WHEN i.indisvalid THEN 'valid' ELSE 'not valid' END
    )
    FROM business_tables AS b
    INNER JOIN pg_catalog.pg_index AS i ON b.oid = i.indrelid
    INNER JOIN pg_catalog.pg_class AS c ON i.indexrelid = c.oid
    UNION ALL
    SELECT 'other', 'policy', b.table_name || '.' || p.polname, concat_ws(
        ' ', p.polcmd, pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
    )
    FROM business_tables AS b
    INNER JOIN pg_catalog.pg_policy AS p ON b.oid = p.polrelid
)

SELECT
    f.scope,
    f.kind,
    f.name,
    coalesce(f.definition, '') AS definition
FROM facts AS f
ORDER BY f.scope COLLATE "C", f.kind COLLATE "C", f.name COLLATE "C", f.definition COLLATE "C";
