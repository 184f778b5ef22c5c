-- A last sweep for what happened before the second key was there, then both keys look at every row.
CALL broadcast.repair_broadcasts()
\g

CALL broadcast.backfill_broadcasts()
\g

DO $$
DECLARE
    k record;
BEGIN
    FOR k IN
        SELECT c.conrelid::regclass AS relation, c.conname AS constraint_name
        FROM pg_constraint AS c
        WHERE c.conrelid IN ('public.broadcast_manager'::regclass, 'public.main_clients_database'::regclass)
            AND c.conname IN (
                'main_clients_database_owner_fkey',
                'broadcast_manager_client_id_pair_fkey',
                'main_clients_database_pair_fkey'
            )
            AND NOT c.convalidated
        ORDER BY 2
    LOOP
        PERFORM broadcast.lock_without_queueing('SHARE UPDATE EXCLUSIVE', k.relation);
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', k.relation, k.constraint_name);
        COMMIT;
    END LOOP;
END;
$$
\g
