"""G4: a transaction that would commit a channel without a broadcast row is refused, by a named constraint."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from tools.databases import add_channel, connect

Connection = psycopg.Connection[Any]

KEY = "main_clients_database_pair_fkey"


@pytest.mark.parametrize(
    "bypass",
    [
        "ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows",
        "ALTER TABLE main_clients_database DISABLE TRIGGER USER",
        "DROP TRIGGER create_broadcast_rows ON main_clients_database",
        "ALTER TABLE main_clients_database ENABLE REPLICA TRIGGER create_broadcast_rows",
        "CREATE OR REPLACE FUNCTION broadcast.create_broadcast_rows() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RETURN NULL; END $$",
    ],
)
def test_g4_channel_without_row_is_refused_when_the_trigger_is_out_of_the_way(
    conn: Connection, client: UUID, bypass: str
) -> None:
    conn.execute(bypass)
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        add_channel(conn, client)
    assert refused.value.diag.constraint_name == KEY
    assert conn.execute("SELECT count(*) FROM main_clients_database").fetchone() == (0,)


def test_g4_client_that_creates_the_row_itself_is_not_refused_without_the_trigger(
    conn: Connection, client: UUID
) -> None:
    conn.execute("DROP TRIGGER create_broadcast_rows ON main_clients_database")
    with conn.transaction():
        pair = add_channel(conn, client)
        conn.execute(
            "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s)",
            [client, *pair],
        )
    assert conn.execute("SELECT count(*) FROM broadcast_manager").fetchone() == (1,)


def test_g4_foreign_trigger_that_swallows_the_row_is_found_at_commit(conn: Connection, client: UUID) -> None:
    conn.execute(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER swallow BEFORE INSERT ON broadcast_manager FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        add_channel(conn, client)
    assert refused.value.diag.constraint_name == KEY


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_g4_holds_at_every_isolation_level(conn: Connection, client: UUID, level: str) -> None:
    conn.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
    conn.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}")
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        add_channel(conn, client)
    assert refused.value.diag.constraint_name == KEY


def test_g4_row_deleted_by_a_concurrent_transaction_is_still_refused(
    conn: Connection, client: UUID, database: str
) -> None:
    pair = add_channel(conn, client)
    with connect(database, autocommit=False) as other:
        other.execute("DELETE FROM broadcast_manager WHERE open_channel_id = %s", pair[:1])
        conn.execute("UPDATE main_clients_database SET open_channel_title = 'meanwhile'")
        with pytest.raises(errors.ForeignKeyViolation) as refused:
            other.commit()
    assert refused.value.diag.constraint_name == KEY


def test_g4_superuser_is_held_to_the_rule_too(
    conn: Connection, client: UUID, database: str, superuser: Callable[[str], str]
) -> None:
    conn.execute("DROP TRIGGER create_broadcast_rows ON main_clients_database")
    with connect(superuser(database)) as admin, pytest.raises(errors.ForeignKeyViolation):
        add_channel(admin, client)
