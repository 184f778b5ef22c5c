-- Every object of ours with its comment: what is there beside the three tables that the system had before us, and what
-- a table brings along by itself (primary keys, CHECKs of one column, sequences).
WITH tables AS (
    SELECT
        c.oid,
        c.relname,
        c.relkind,
        c.relnamespace = 'public'::regnamespace AS found_there
    FROM pg_catalog.pg_class AS c
    WHERE c.relkind IN ('r', 'v')
        AND (
            (c.relnamespace = 'broadcast'::regnamespace AND c.relname <> 'alembic_version')
            OR (
                c.relnamespace = 'public'::regnamespace
                AND c.relname IN ('registered_users', 'main_clients_database', 'broadcast_manager')
            )
        )
)

SELECT
    CASE t.relkind WHEN 'r' THEN 'table' ELSE 'view' END AS kind,
    NULL::text AS parent,
    t.relname::text AS name,
    NULL::text AS definition,
    NULL::text AS extra,
    obj_description(t.oid, 'pg_class') AS comment,
    0 AS place
FROM tables AS t
WHERE NOT t.found_there

UNION ALL

SELECT
    CASE t.relkind WHEN 'r' THEN 'column' ELSE 'view column' END,
    t.relname,
    a.attname,
    format_type(a.atttypid, a.atttypmod),
    CASE WHEN a.attidentity <> '' THEN 'generated' ELSE pg_get_expr(d.adbin, d.adrelid) END,
    col_description(t.oid, a.attnum),
    a.attnum
FROM tables AS t
INNER JOIN pg_catalog.pg_attribute AS a ON t.oid = a.attrelid
LEFT JOIN pg_catalog.pg_attrdef AS d ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE NOT t.found_there AND a.attnum > 0 AND NOT a.attisdropped

UNION ALL

SELECT
    CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
    NULL,
    p.proname,
    pg_get_function_arguments(p.oid),
    pg_get_function_result(p.oid),
    obj_description(p.oid, 'pg_proc'),
    0
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'broadcast'::regnamespace

UNION ALL

SELECT
    'trigger',
    t.relname,
    g.tgname,
    substring(pg_get_triggerdef(g.oid, true) FROM '^CREATE TRIGGER \S+ (.*) ON '),
    p.proname,
    obj_description(g.oid, 'pg_trigger'),
    0
FROM tables AS t
INNER JOIN pg_catalog.pg_trigger AS g ON t.oid = g.tgrelid
INNER JOIN pg_catalog.pg_proc AS p ON g.tgfoid = p.oid
WHERE NOT g.tgisinternal

UNION ALL

SELECT
    CASE k.contype WHEN 'f' THEN 'foreign key' ELSE 'check' END,
    t.relname,
    k.conname,
    pg_get_constraintdef(k.oid, true),
    NULL,
    obj_description(k.oid, 'pg_constraint'),
    0
FROM tables AS t
INNER JOIN pg_catalog.pg_constraint AS k ON t.oid = k.conrelid
WHERE k.contype = 'f' OR (k.contype = 'c' AND cardinality(k.conkey) > 1 AND NOT t.found_there)

UNION ALL

SELECT
    CASE WHEN i.indisunique THEN 'unique index' ELSE 'index' END,
    t.relname,
    x.relname,
    substring(pg_get_indexdef(i.indexrelid) FROM 'USING (.*)$'),
    NULL,
    obj_description(i.indexrelid, 'pg_class'),
    0
FROM tables AS t
INNER JOIN pg_catalog.pg_index AS i ON t.oid = i.indrelid
INNER JOIN pg_catalog.pg_class AS x ON i.indexrelid = x.oid
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE i.indexrelid = k.conindid AND k.contype IN ('p', 'u'))

UNION ALL

SELECT
    'role',
    NULL,
    r.rolname,
    NULL,
    NULL,
    shobj_description(r.oid, 'pg_authid'),
    0
FROM pg_catalog.pg_roles AS r
WHERE r.rolname = ANY (%(roles)s)

ORDER BY 1, 2 NULLS FIRST, 7, 3
