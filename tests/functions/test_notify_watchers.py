"""notify_watchers(): whoever watches a client hears of its changes, after commit and not before."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from tests.functions.calls import Conn, value
from tools.databases import add_channel, add_user, connect

WATCH = "SELECT broadcast.watch_client(%s)"


@pytest.fixture
def heard(database: str) -> Iterator[Conn]:
    """Somebody who listens."""
    with connect(database) as listener:
        listener.execute("LISTEN broadcast_manager_changed")
        yield listener


@pytest.fixture
def watched(conn: Conn, client: UUID) -> UUID:
    """A client whose dashboard is open."""
    conn.execute(WATCH, [client])
    return client


def clients(conn: Conn, heard: Conn) -> set[str]:
    """Of whom was heard so far."""
    return {payload.partition(" ")[0] for payload in payloads(conn, heard)}


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
def test_every_change_is_heard(conn: Conn, heard: Conn, watched: UUID, change: str) -> None:
    add_channel(conn, watched)
    assert clients(conn, heard) == {str(watched)}
    conn.execute(change)
    assert clients(conn, heard) == {str(watched)}


def test_channel_that_changes_hands_is_heard_by_both(conn: Conn, heard: Conn, watched: UUID) -> None:
    other = add_user(conn)
    conn.execute(WATCH, [other])
    add_channel(conn, watched)
    clients(conn, heard)
    conn.execute("UPDATE main_clients_database SET client_id = %s", [other])
    assert clients(conn, heard) == {str(watched), str(other)}


def test_nothing_is_heard_of_what_is_rolled_back(conn: Conn, heard: Conn, watched: UUID) -> None:
    with conn.transaction():
        add_channel(conn, watched)
        raise psycopg.Rollback
    assert clients(conn, heard) == set()


def test_of_a_statement_over_many_clients_only_the_watched_are_told(conn: Conn, heard: Conn, watched: UUID) -> None:
    for owner in [watched, *(add_user(conn) for _ in range(20))]:
        add_channel(conn, owner)
    clients(conn, heard)
    conn.execute("UPDATE broadcast_manager SET broadcast_status = 'completed'")
    assert clients(conn, heard) == {str(watched)}


def test_watch_ends_by_itself_and_can_be_renewed(conn: Conn, heard: Conn, watched: UUID) -> None:
    conn.execute("UPDATE broadcast.watchers SET watched_until = now() - interval '1 s'")
    add_channel(conn, watched)
    assert clients(conn, heard) == set()
    conn.execute(WATCH, [add_user(conn)])
    assert value(conn, "SELECT count(*) FROM broadcast.watchers WHERE client_id = %s", watched) == 0
    conn.execute(WATCH, [watched])
    conn.execute(WATCH, [watched])
    add_channel(conn, watched)
    assert clients(conn, heard) == {str(watched)}


def test_nothing_is_sent_where_two_phase_commit_is_possible(conn: Conn) -> None:
    conditions = {
        condition
        for (condition,) in conn.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgfoid = 'broadcast.notify_watchers'::regproc"
        )
    }
    assert len(conditions) == 4
    assert all("WHEN ((current_setting('max_prepared_transactions'::text) = '0'::text))" in c for c in conditions)


def test_rule_does_not_need_it(conn: Conn, heard: Conn, watched: UUID) -> None:
    conn.execute("DROP FUNCTION broadcast.notify_watchers() CASCADE")
    add_channel(conn, watched)
    assert clients(conn, heard) == set()
    assert value(conn, "SELECT count(*) FROM broadcast_manager WHERE client_id = %s", watched) == 1


def test_channels_are_named_and_many_at_once_are_not(conn: Conn, heard: Conn, watched: UUID) -> None:
    pairs = [add_channel(conn, watched) for _ in range(11)]
    assert payloads(conn, heard) == {f"{watched} {open_id} {closed_id}" for open_id, closed_id in pairs}
    conn.execute(
        "UPDATE main_clients_database SET closed_channel_id = '-1009999999' WHERE open_channel_id = %s", [pairs[0][0]]
    )
    # Where the pair changes, the old one is named as well.
    named = {f"{watched} {' '.join(pairs[0])}", f"{watched} {pairs[0][0]} -1009999999"}
    assert payloads(conn, heard) == named
    conn.execute("UPDATE broadcast_manager SET updated_at = now()")
    assert payloads(conn, heard) == {str(watched)}
