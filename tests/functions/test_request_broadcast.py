"""request_broadcast(), reactivate_broadcast() and what people are told of a broadcast's state."""

from uuid import UUID

import pytest

from tests.functions.calls import Conn, at_once, refused, value
from tools.databases import add_channel

REQUEST = "SELECT broadcast.request_broadcast(%s, %s)"
STATE = "SELECT broadcast.broadcast_state(b) FROM broadcast_manager AS b WHERE b.id = %s"
RETRY_AFTER = "SELECT broadcast.retry_after_seconds(b) FROM broadcast_manager AS b WHERE b.id = %s"


@pytest.fixture
def broadcast(conn: Conn, client: UUID) -> UUID:
    """The broadcast of a channel of the client, sent an hour ago."""
    add_channel(conn, client)
    conn.execute(
        "UPDATE broadcast_manager SET broadcast_status = 'completed', last_sent_time = now() - interval '1 h', "
        "next_send_time = now() + interval '23 h'"
    )
    made: UUID = value(conn, "SELECT id FROM broadcast_manager")
    return made


def test_makes_it_due_now_and_counts(conn: Conn, client: UUID, broadcast: UUID) -> None:
    assert value(conn, STATE, broadcast) == "sent"
    conn.execute(REQUEST, [broadcast, client])
    assert value(conn, STATE, broadcast) == "queued"
    row = conn.execute(
        "SELECT broadcast_status, manual_trigger_count, next_send_time <= now(), "
        "last_manual_trigger_time > now() - interval '1 min' FROM broadcast_manager"
    ).fetchone()
    assert row == ("pending", 1, True, True)


def test_tells_the_workers_after_commit(conn: Conn, client: UUID, broadcast: UUID) -> None:
    conn.execute("LISTEN broadcast_manager_due")
    conn.execute(REQUEST, [broadcast, client])
    assert [n.payload for n in conn.notifies(timeout=10, stop_after=1)] == [str(broadcast)]


def test_second_one_waits_five_minutes_and_is_told_how_long(conn: Conn, client: UUID, broadcast: UUID) -> None:
    conn.execute(REQUEST, [broadcast, client])
    with refused("BM014") as detail:
        conn.execute(REQUEST, [broadcast, client])
    assert 240 < detail["retry_after_seconds"] <= 300
    assert 240 < value(conn, RETRY_AFTER, broadcast) <= 300
    conn.execute("UPDATE broadcast_manager SET last_manual_trigger_time = now() - interval '5 min'")
    assert value(conn, RETRY_AFTER, broadcast) == 0
    conn.execute(REQUEST, [broadcast, client])
    assert value(conn, "SELECT manual_trigger_count FROM broadcast_manager") == 2


def test_interval_is_a_setting(conn: Conn, client: UUID, broadcast: UUID) -> None:
    conn.execute("UPDATE broadcast.settings SET manual_trigger_interval = '0'")
    conn.execute(REQUEST, [broadcast, client])
    conn.execute(REQUEST, [broadcast, client])
    assert value(conn, "SELECT manual_trigger_count FROM broadcast_manager") == 2


def test_long_transaction_does_not_get_around_the_interval(conn: Conn, client: UUID, broadcast: UUID) -> None:
    with conn.transaction():
        began = value(conn, "SELECT now()")
        conn.execute(REQUEST, [broadcast, client])
        assert value(conn, "SELECT last_manual_trigger_time FROM broadcast_manager") > began


def test_of_many_clicks_at_once_one_counts(database: str, conn: Conn, client: UUID, broadcast: UUID) -> None:
    outcomes = at_once(database, 8, lambda c: c.execute(REQUEST, [broadcast, client]))
    assert outcomes == ["00000"] + ["BM014"] * 7
    assert value(conn, "SELECT manual_trigger_count FROM broadcast_manager") == 1


@pytest.mark.parametrize(
    ("change", "sqlstate"),
    [("broadcast_status = 'in_progress'", "BM013"), ("is_active = false", "BM012"), ("is_active = NULL", "BM012")],
)
def test_refused_while_sending_or_off(conn: Conn, client: UUID, broadcast: UUID, change: str, sqlstate: str) -> None:
    conn.execute(f"UPDATE broadcast_manager SET {change}")
    with refused(sqlstate):
        conn.execute(REQUEST, [broadcast, client])
    assert value(conn, "SELECT manual_trigger_count FROM broadcast_manager") == 0


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ("broadcast_status = 'pending', next_send_time = now() + interval '1 h'", "scheduled"),
        ("broadcast_status = 'pending', next_send_time = now()", "queued"),
        ("broadcast_status = 'failed', next_send_time = now() - interval '1 h'", "queued"),
        ("broadcast_status = 'failed', next_send_time = now() + interval '1 h'", "failed"),
        ("broadcast_status = 'completed', next_send_time = now() + interval '1 h'", "sent"),
        ("broadcast_status = 'skipped'", "skipped"),
        ("broadcast_status = 'in_progress', is_active = false", "sending"),
        ("broadcast_status = 'failed', is_active = false", "off"),
    ],
)
def test_state(conn: Conn, client: UUID, broadcast: UUID, change: str, state: str) -> None:
    del client
    conn.execute(f"UPDATE broadcast_manager SET {change}")
    assert value(conn, STATE, broadcast) == state


def test_login_is_noted(conn: Conn, client: UUID) -> None:
    conn.execute("SELECT broadcast.record_login(%s)", [client])
    assert value(conn, "SELECT last_login > now() - interval '1 min' FROM registered_users WHERE user_id = %s", client)
