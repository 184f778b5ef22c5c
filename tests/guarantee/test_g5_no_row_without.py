"""G5: a broadcast row without its channel, or unlike it, is refused; so is taking rows from under living channels."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from tools.databases import add_channel, add_user, new_channel_id

Connection = psycopg.Connection[Any]

INSERT = "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s)"
CASCADE_KEY = "broadcast_manager_client_id_pair_fkey"
DEFERRED_KEY = "main_clients_database_pair_fkey"


def counts(conn: Connection) -> tuple[Any, ...] | None:
    return conn.execute(
        "SELECT (SELECT count(*) FROM main_clients_database), (SELECT count(*) FROM broadcast_manager)"
    ).fetchone()


def test_g5_row_without_channel_is_refused(conn: Connection, client: UUID) -> None:
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        conn.execute(INSERT, [client, new_channel_id(), new_channel_id()])
    assert refused.value.diag.constraint_name == CASCADE_KEY


def test_g5_row_before_its_channel_is_refused(conn: Connection, client: UUID) -> None:
    pair = (new_channel_id(), new_channel_id())
    with conn.transaction():
        with pytest.raises(errors.ForeignKeyViolation) as refused, conn.transaction():
            conn.execute(INSERT, [client, *pair])
        add_channel(conn, client, *pair)
    assert refused.value.diag.constraint_name == CASCADE_KEY


@pytest.mark.parametrize("column", ["client_id", "open_channel_id", "closed_channel_id"])
def test_g5_row_is_not_turned_away_from_its_channel(conn: Connection, client: UUID, column: str) -> None:
    add_channel(conn, client)
    other = add_user(conn) if column == "client_id" else new_channel_id()
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        conn.execute(f"UPDATE broadcast_manager SET {column} = %s", [other])
    assert refused.value.diag.constraint_name == CASCADE_KEY


@pytest.mark.parametrize("column", ["client_id", "open_channel_id", "closed_channel_id"])
@pytest.mark.parametrize("table", ["broadcast_manager", "main_clients_database"])
def test_g5_null_does_not_slip_through_the_keys(conn: Connection, client: UUID, table: str, column: str) -> None:
    add_channel(conn, client)
    with pytest.raises(errors.NotNullViolation):
        conn.execute(f"UPDATE {table} SET {column} = NULL")


def test_g5_second_row_for_a_pair_is_refused(conn: Connection, client: UUID) -> None:
    pair = add_channel(conn, client)
    with pytest.raises(errors.UniqueViolation):
        conn.execute(INSERT, [client, *pair])


def test_g5_deleting_a_row_under_a_living_channel_is_refused_at_commit(conn: Connection, client: UUID) -> None:
    add_channel(conn, client)
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        conn.execute("DELETE FROM broadcast_manager")
    assert refused.value.diag.constraint_name == DEFERRED_KEY
    assert counts(conn) == (1, 1)


def test_g5_row_may_be_deleted_together_with_its_channel(conn: Connection, client: UUID) -> None:
    add_channel(conn, client)
    with conn.transaction():
        conn.execute("DELETE FROM broadcast_manager")
        conn.execute("DELETE FROM main_clients_database")
    assert counts(conn) == (0, 0)


@pytest.mark.parametrize(
    "truncate",
    [
        "TRUNCATE broadcast_manager CASCADE",
        "TRUNCATE broadcast_manager, main_clients_database",
        "TRUNCATE main_clients_database CASCADE",
        "TRUNCATE registered_users CASCADE",
    ],
)
def test_g5_truncate_under_living_channels_is_refused_and_names_the_way_out(
    conn: Connection, client: UUID, truncate: str
) -> None:
    add_channel(conn, client)
    with pytest.raises(psycopg.Error) as refused:
        conn.execute(truncate)
    assert refused.value.sqlstate == "BM002"
    assert refused.value.diag.message_hint is not None
    assert "DELETE FROM main_clients_database" in refused.value.diag.message_hint
    assert counts(conn) == (1, 1)


def test_g5_plain_truncate_is_refused_by_postgresql_itself(conn: Connection, client: UUID) -> None:
    add_channel(conn, client)
    with pytest.raises(errors.FeatureNotSupported):
        conn.execute("TRUNCATE broadcast_manager")
    assert counts(conn) == (1, 1)


def test_g5_fixtures_empty_the_tables_the_way_the_hint_says(conn: Connection, client: UUID) -> None:
    add_channel(conn, client)
    conn.execute("DELETE FROM main_clients_database")
    assert counts(conn) == (0, 0)
    conn.execute("TRUNCATE registered_users CASCADE")
    add_channel(conn, add_user(conn))
    with conn.transaction():
        conn.execute("SET LOCAL broadcast_manager.allow_truncate = 'on'")
        conn.execute("TRUNCATE registered_users CASCADE")
    assert counts(conn) == (0, 0)
    add_channel(conn, add_user(conn))
    with pytest.raises(psycopg.Error) as refused:
        conn.execute("TRUNCATE registered_users CASCADE")
    assert refused.value.sqlstate == "BM002"
