-- The current definition of everything, for reading and for building a fresh database in one go:
--   psql -v ON_ERROR_STOP=1 --single-transaction -f sql/load.sql
-- Databases that live on are built by alembic upgrade head; a test compares the two.
\ir tables/registered_users.sql
\ir tables/main_clients_database.sql
\ir tables/broadcast_manager.sql
\ir tables/broadcast_manager_quarantine.sql
\ir tables/broadcast_manager_undo.sql
\ir functions/lock_without_queueing.sql
\ir constraints/broadcast_manager_pair_key.sql
\ir constraints/main_clients_database_pair_key.sql
\ir constraints/main_clients_database_client_id_pair_key.sql
\ir views/broken_broadcasts.sql
\ir functions/pause_for_clients.sql
\ir functions/quarantine_duplicate_broadcasts.sql
\ir functions/repair_broadcast_batch.sql
\ir procedures/repair_broadcasts.sql
\ir functions/backfill_broadcast_batch.sql
\ir procedures/backfill_broadcasts.sql
\ir functions/create_broadcast_rows.sql
\ir functions/take_over_auto_created_row.sql
\ir functions/refuse_broadcast_truncate.sql
\ir triggers/create_broadcast_rows.sql
\ir triggers/take_over_auto_created_row.sql
\ir triggers/refuse_broadcast_truncate.sql
\ir constraints/main_clients_database_owner_fkey.sql
\ir constraints/broadcast_manager_client_id_pair_fkey.sql
\ir constraints/main_clients_database_pair_fkey.sql
\ir views/broadcast_integrity_violations.sql
\ir roles/broadcast_manager_reader.sql
