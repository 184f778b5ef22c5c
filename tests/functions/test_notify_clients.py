"""notify_clients(): whoever listens hears whose channels or broadcasts changed, after commit and not before."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from tests.databases import add_channel, add_user, connect
from tests.functions.calls import Conn, value


@pytest.fixture
def heard(url: str) -> Iterator[Conn]:
    """Somebody who listens."""
    with connect(url) as listener:
        listener.execute("LISTEN broadcast_manager_changed")
        yield listener


def payloads(conn: Conn, heard: Conn) -> set[str]:
    """What was heard so far: everything up to a notification that we send ourselves."""
    conn.execute("NOTIFY broadcast_manager_changed, 'so far'")
    found: set[str] = set()
    for notify in heard.notifies(timeout=10):
        if notify.payload == "so far":
            return found
        found.add(notify.payload)
    raise AssertionError("our own notification did not come")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE main_clients_database SET open_channel_title = 'New'",
        "DELETE FROM main_clients_database",
        "UPDATE broadcast_manager SET broadcast_status = 'completed'",
        "UPDATE main_clients_database SET closed_channel_id = '-1009999999'",
        "DELETE FROM registered_users",
    ],
)
def test_every_change_is_heard(conn: Conn, heard: Conn, client: UUID, change: str) -> None:
    add_channel(conn, client)
    assert payloads(conn, heard) == {str(client)}
    conn.execute(change)
    assert payloads(conn, heard) == {str(client)}


def test_channel_that_changes_hands_is_heard_by_both(conn: Conn, heard: Conn, client: UUID) -> None:
    other = add_user(conn)
    add_channel(conn, client)
    payloads(conn, heard)
    conn.execute("UPDATE main_clients_database SET client_id = %s", [other])
    assert payloads(conn, heard) == {str(client), str(other)}


def test_nothing_is_heard_of_what_is_rolled_back(conn: Conn, heard: Conn, client: UUID) -> None:
    with conn.transaction():
        add_channel(conn, client)
        raise psycopg.Rollback
    assert payloads(conn, heard) == set()


def test_statement_over_many_clients_is_heard_once_by_everyone(conn: Conn, heard: Conn) -> None:
    with conn.transaction():
        for _ in range(101):
            add_channel(conn, add_user(conn))
    assert len(payloads(conn, heard)) == 101
    conn.execute("UPDATE broadcast_manager SET broadcast_status = 'completed'")
    assert payloads(conn, heard) == {""}


def test_rule_does_not_need_it(conn: Conn, heard: Conn, client: UUID) -> None:
    conn.execute("DROP FUNCTION notify_clients() CASCADE")
    add_channel(conn, client)
    assert payloads(conn, heard) == set()
    assert value(conn, "SELECT count(*) FROM broadcast_manager WHERE client_id = %s", client) == 1
