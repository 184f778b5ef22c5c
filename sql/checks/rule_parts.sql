CREATE OR REPLACE VIEW broadcast.rule_parts AS
SELECT
    w.part,
    EXISTS (
        SELECT FROM pg_catalog.pg_trigger AS t
        WHERE t.tgname = w.part AND t.tgrelid = to_regclass('public.' || w.table_name) AND t.tgenabled IN ('O', 'A')
    ) AS in_force
FROM (
    VALUES
    ('create_broadcast_rows', 'main_clients_database'),
    ('take_over_auto_created_row', 'broadcast_manager'),
    ('refuse_broadcast_truncate', 'broadcast_manager')
) AS w (part, table_name)
UNION ALL
SELECT
    w.part,
    EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS k
        WHERE
            k.conname = w.part AND k.conrelid = to_regclass('public.' || w.table_name) AND k.convalidated
            -- NOT ENFORCED came with PostgreSQL 18; in older releases to_jsonb() has no such field.
            AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, TRUE)
            AND NOT EXISTS (
                SELECT FROM pg_catalog.pg_trigger AS t
                WHERE t.tgconstraint = k.oid AND t.tgenabled NOT IN ('O', 'A')
            )
    ) AS in_force
FROM (
    VALUES
    ('broadcast_manager_client_id_pair_fkey', 'broadcast_manager'),
    ('main_clients_database_pair_fkey', 'main_clients_database')
) AS w (part, table_name);

COMMENT ON VIEW broadcast.rule_parts IS
'Whether each trigger and key of the rule is in force, read from the catalogue alone: cheap at any size.';
