"""A role that may write channels and nothing else: the rule works for it, too."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tools.databases import add_channel, add_user, broadcast_id, connect, new_channel_id

Conn = psycopg.Connection[Any]


@pytest.fixture
def writer(database: str, superuser: Any) -> Iterator[Conn]:
    """A connection that has taken the role of channel writers."""
    with connect(superuser(database)) as boss:
        boss.execute("SET SESSION AUTHORIZATION broadcast_channel_writer")
        yield boss


def test_g1_copy_creates_the_rows(conn: Conn, writer: Conn) -> None:
    model = add_channel(writer, add_user(conn))
    columns = "open_channel_id, closed_channel_id, closed_channel_donation_message, sub_1_price, sub_1_time"
    more = "client_wallet_address, client_payout_currency, client_payout_network, client_id"
    pairs = [(new_channel_id(), new_channel_id()) for _ in range(3)]
    rest = writer.execute(
        f"SELECT closed_channel_donation_message, sub_1_price, sub_1_time, {more}".encode()
        + b" FROM main_clients_database WHERE open_channel_id = %s",
        [model[0]],
    ).fetchone()
    assert rest is not None
    with (
        writer.cursor() as cursor,
        cursor.copy(f"COPY main_clients_database ({columns}, {more}) FROM STDIN".encode()) as copy,
    ):
        for pair in pairs:
            copy.write_row([*pair, *rest])
    assert all(broadcast_id(conn, pair) for pair in pairs)


def test_g2_row_follows(conn: Conn, writer: Conn) -> None:
    pair = add_channel(writer, add_user(conn))
    before = broadcast_id(conn, pair)
    moved = new_channel_id()
    writer.execute("UPDATE main_clients_database SET open_channel_id = %s WHERE open_channel_id = %s", [moved, pair[0]])
    assert broadcast_id(conn, (moved, pair[1])) == before


def test_g3_row_is_removed(conn: Conn, writer: Conn) -> None:
    pair = add_channel(writer, add_user(conn))
    writer.execute("DELETE FROM main_clients_database WHERE open_channel_id = %s", [pair[0]])
    assert broadcast_id(conn, pair) is None


def test_g4_no_channel_without(conn: Conn, writer: Conn) -> None:
    conn.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as refused:
        add_channel(writer, add_user(conn))
    assert refused.value.diag.constraint_name == "main_clients_database_pair_fkey"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT FROM broadcast_manager",
        "INSERT INTO broadcast_manager DEFAULT VALUES",
        "UPDATE broadcast_manager SET is_active = FALSE",
        "DELETE FROM broadcast_manager",
        "TRUNCATE main_clients_database CASCADE",
        "SELECT FROM registered_users",
        "SELECT broadcast.register_channel(gen_random_uuid(), 'x', '{}')",
        "ALTER TABLE main_clients_database DISABLE TRIGGER ALL",
        "DROP TRIGGER create_broadcast_rows ON main_clients_database",
        "SET session_replication_role = replica",
    ],
)
def test_writer_may_do_nothing_else(writer: Conn, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute(statement.encode())
