"""What others built is found by its structure, under whatever name, and left as it is."""

import pytest
from psycopg import sql

from tests.adoption.states import Conn, Picture, add_broadcast, broadcast, picture, rows, taken
from tools import databases


def foreign(seen: Picture) -> set[tuple[str, str, str]]:
    """All that stands on the tables and was there before; the replaced key is the one thing that may go."""
    return {
        (f.kind, f.name, f.definition) for f in seen.facts if f.scope == "other" and "fk_broadcast_client" not in f.name
    }


def index_names(conn: Conn) -> set[str]:
    return {
        name
        for (name,) in conn.execute(
            "SELECT indexrelid::regclass::text FROM pg_index"
            " WHERE indrelid IN ('main_clients_database'::regclass, 'broadcast_manager'::regclass)"
        )
    }


OTHERS = """
ALTER TABLE main_clients_database ADD COLUMN "Größe" jsonb DEFAULT '{"a": 1}' NOT NULL;
ALTER TABLE broadcast_manager ADD COLUMN "order" text DEFAULT 'x' NOT NULL, ADD COLUMN twice integer
GENERATED ALWAYS AS (total_broadcasts * 2) STORED;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN NEW.updated_at := clock_timestamp(); RETURN NEW; END';
CREATE TRIGGER touch BEFORE UPDATE ON broadcast_manager FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER touch BEFORE UPDATE ON main_clients_database FOR EACH ROW EXECUTE FUNCTION touch();
CREATE INDEX others_idx ON main_clients_database (lower(open_channel_title)) WHERE notification_status;
CREATE POLICY others_policy ON main_clients_database USING (created_by = current_user);
CREATE TABLE alembic_version (version_num varchar(32) NOT NULL);
INSERT INTO alembic_version VALUES ('theirs');
"""


def test_adoption_leaves_what_is_foreign_untouched(old_database: str, old: Conn) -> None:
    old.execute(OTHERS.encode())
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    kept = add_broadcast(old, client, pair, total_broadcasts=4)
    before_row, before = broadcast(old, kept), foreign(picture(old_database))
    taken(old_database)
    assert foreign(picture(old_database)) >= before
    assert broadcast(old, kept) == before_row
    assert rows(old, "alembic_version") == ['{"version_num": "theirs"}']
    databases.downgrade(old_database)
    assert foreign(picture(old_database)) == before


@pytest.mark.parametrize(
    "state",
    [
        # The same name on the other table, so nothing may go by it.
        "ALTER TABLE broadcast_manager RENAME CONSTRAINT unique_channel_pair TO one_row;"
        "ALTER TABLE main_clients_database RENAME CONSTRAINT main_clients_channel_pair TO unique_channel_pair",
        "ALTER TABLE broadcast_manager DROP CONSTRAINT unique_channel_pair,"
        " ADD CONSTRAINT other_order UNIQUE (closed_channel_id, open_channel_id)",
        "ALTER TABLE broadcast_manager DROP CONSTRAINT unique_channel_pair;"
        "CREATE UNIQUE INDEX mere_index ON broadcast_manager (open_channel_id, closed_channel_id) INCLUDE (is_active)",
    ],
    ids=["name on the other table", "other order", "index without constraint"],
)
def test_adoption_finds_unique_keys_under_other_names(old_database: str, old: Conn, state: str) -> None:
    old.execute(state.encode())
    databases.add_channel(old, databases.add_user(old))
    before = index_names(old)
    taken(old_database)
    assert index_names(old) == before | {"main_clients_database_client_id_pair_key"}
    databases.downgrade(old_database)
    assert index_names(old) == before


@pytest.mark.parametrize("column", ["open_channel_id", "closed_channel_id"])
def test_adoption_unique_channel_id_alone_implies_the_pair(old_database: str, old: Conn, column: str) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair")
    old.execute(sql.SQL("ALTER TABLE main_clients_database ADD UNIQUE ({})").format(sql.Identifier(column)))
    databases.add_channel(old, databases.add_user(old))
    before = index_names(old)
    taken(old_database)
    assert index_names(old) == before | {"main_clients_database_client_id_pair_key"}


@pytest.mark.parametrize(
    "key",
    [
        "",
        "CREATE UNIQUE INDEX ON {} (open_channel_id, closed_channel_id) WHERE open_channel_id > ''",
        "CREATE UNIQUE INDEX ON {} (lower(open_channel_id), lower(closed_channel_id))",
        "CREATE INDEX ON {} (open_channel_id, closed_channel_id)",
        "ALTER TABLE {} ADD UNIQUE (client_id, open_channel_id)",
    ],
    ids=["none", "partial", "expression", "not unique", "other columns"],
)
def test_adoption_makes_the_keys_where_no_key_will_do(old_database: str, old: Conn, key: str) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair")
    old.execute("ALTER TABLE broadcast_manager DROP CONSTRAINT unique_channel_pair")
    for table in ("main_clients_database", "broadcast_manager"):
        old.execute(key.replace("{}", table).encode())
    databases.add_channel(old, databases.add_user(old))
    before = index_names(old)
    taken(old_database)
    assert index_names(old) - before == {
        "broadcast_manager_pair_key",
        "main_clients_database_client_id_pair_key",
        "main_clients_database_pair_key",
    }
    databases.downgrade(old_database)
    assert index_names(old) == before


def test_adoption_key_of_ours_by_name_that_was_there_before_stays(old_database: str, old: Conn) -> None:
    old.execute(
        "ALTER TABLE broadcast_manager RENAME CONSTRAINT unique_channel_pair TO broadcast_manager_pair_key;"
        "ALTER TABLE main_clients_database"
        " RENAME CONSTRAINT main_clients_channel_pair TO main_clients_database_pair_key;"
        "ALTER TABLE main_clients_database RENAME CONSTRAINT fk_client_user TO main_clients_database_owner_fkey;"
    )
    before = picture(old_database)
    taken(old_database)
    databases.downgrade(old_database)
    assert picture(old_database) == before


OLD_COPY = """
DROP TABLE broadcast_manager;
CREATE TABLE broadcast_manager (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), client_id uuid, open_channel_id text, closed_channel_id text,
  broadcast_status varchar(20) DEFAULT 'pending', total_broadcasts integer
);
ALTER TABLE main_clients_database DROP COLUMN id;
ALTER TABLE main_clients_database
DROP CONSTRAINT main_clients_channel_pair, DROP CONSTRAINT fk_client_user,
ALTER client_payout_currency TYPE text, ALTER client_payout_network TYPE varchar(20);
DROP TYPE currency_type, network_type;
"""


def test_adoption_old_copy_without_columns_serial_id_keys_and_enums_is_taken(old_database: str, old: Conn) -> None:
    old.execute(OLD_COPY.encode())
    client = databases.add_user(old)
    pair, missing = databases.add_channel(old, client), databases.add_channel(old, client)
    kept = add_broadcast(old, client, pair, total_broadcasts=5)
    poor = add_broadcast(old, None, pair)
    taken(old_database)
    row = broadcast(old, kept)
    assert row is not None
    assert row["total_broadcasts"] == 5
    assert {"last_open_message_id", "last_closed_message_sent_at", "is_active", "next_send_time"} <= row.keys()
    assert databases.broadcast_id(old, missing) is not None
    assert broadcast(old, poor) is None
    databases.add_channel(old, client)


def test_adoption_deferrable_key_of_the_channels_is_kept_and_a_firm_one_made(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair")
    old.execute("ALTER TABLE main_clients_database ADD UNIQUE (open_channel_id, closed_channel_id) DEFERRABLE")
    before = index_names(old)
    taken(old_database)
    assert index_names(old) > before
    assert "main_clients_database_pair_key" in index_names(old)


def test_adoption_missing_key_to_users_is_added_and_gone_after_downgrade(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT fk_client_user")
    client = databases.add_user(old)
    databases.add_channel(old, client)
    before = picture(old_database)
    taken(old_database)
    with old.transaction(force_rollback=True):
        old.execute("DELETE FROM registered_users")
        assert rows(old, "main_clients_database") == []
    databases.downgrade(old_database)
    assert picture(old_database).facts == before.facts


def test_adoption_key_to_users_of_another_name_is_kept(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE main_clients_database RENAME CONSTRAINT fk_client_user TO belongs_to")
    before = picture(old_database)
    taken(old_database)
    assert not any("main_clients_database_owner_fkey" in f.name for f in picture(old_database).facts)
    databases.downgrade(old_database)
    assert picture(old_database) == before
