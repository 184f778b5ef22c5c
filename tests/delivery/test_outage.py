"""Many channels that fail alike are no channel's fault: nobody is switched off, sending slows to probes and goes on."""

from uuid import UUID

import pytest

from tests.delivery.broadcasts import Broadcast, Conn, add_broadcast, make_due, row
from tests.delivery.calls import claim, send
from tests.functions.calls import value

LASTS = "SELECT count(*) = 1 FROM broadcast.outage WHERE ended_at IS NULL"
FAILURES = "SELECT array_agg(consecutive_failures ORDER BY open_channel_id) FROM broadcast_manager"


@pytest.fixture(autouse=True)
def channels(conn: Conn, client: UUID) -> list[Broadcast]:
    """Four channels; two that fail alike are many."""
    conn.execute("UPDATE broadcast.settings SET outage_channels = 2, outage_probe_interval = '1 hour'")
    return [add_broadcast(conn, client) for _ in range(4)]


def all_due(conn: Conn) -> None:
    conn.execute("UPDATE broadcast_manager SET next_send_time = now()")
    conn.execute("UPDATE broadcast.outage SET next_probe_at = now()")


def test_failures_that_many_share_are_not_counted(conn: Conn, channels: list[Broadcast]) -> None:
    results = [send(conn, delivery, "not_enough_rights", "not_enough_rights") for delivery in claim(conn)]
    assert results == ["failed"] * 4
    # The first alone looked like its own fault.
    assert value(conn, FAILURES) == [1, 0, 0, 0]
    assert 290 < float(row(conn, channels[3])["due_in"]) <= 300
    for _ in range(8):
        all_due(conn)
        assert [send(conn, delivery, "not_enough_rights", "not_enough_rights") for delivery in claim(conn)] == [
            "failed"
        ]
    assert value(conn, FAILURES) == [1, 0, 0, 0]
    assert value(conn, "SELECT bool_and(is_active) FROM broadcast_manager")


def test_sending_slows_to_probes_and_goes_on_by_itself(conn: Conn) -> None:
    for delivery in claim(conn):
        send(conn, delivery, "not_enough_rights", "not_enough_rights")
    assert value(conn, LASTS)
    conn.execute("UPDATE broadcast_manager SET next_send_time = now()")
    assert claim(conn) == []
    conn.execute("UPDATE broadcast.outage SET next_probe_at = now()")
    (probe,) = claim(conn)
    assert claim(conn) == []
    assert send(conn, probe, "sent", "sent") == "sent"
    assert not value(conn, LASTS)
    assert len(claim(conn)) == 3
    # What failed before is no sign of the next one.
    assert value(conn, "SELECT broadcast.is_outage('not_enough_rights')") is False


def test_other_failures_are_counted_meanwhile(conn: Conn, channels: list[Broadcast]) -> None:
    for delivery in claim(conn):
        send(conn, delivery, "not_enough_rights", "not_enough_rights")
    conn.execute("UPDATE broadcast.outage SET next_probe_at = now()")
    make_due(conn, channels[3])
    (probe,) = claim(conn)
    assert send(conn, probe, "chat_not_found", "chat_not_found") == "failed"
    assert value(conn, FAILURES) == [1, 0, 0, 1]


@pytest.mark.parametrize("change", ["outage_channels = 5", "outage_share = 0.6", "outage_window = '1 microsecond'"])
def test_few_or_a_small_share_is_each_channels_own(conn: Conn, change: str) -> None:
    conn.execute(f"UPDATE broadcast.settings SET {change}")
    outcomes = ("sent", "sent", "not_enough_rights", "not_enough_rights")
    for delivery, outcome in zip(claim(conn), outcomes, strict=True):
        send(conn, delivery, outcome, outcome)
    assert not value(conn, LASTS)
    assert value(conn, FAILURES) == [0, 0, 1, 1]


def test_metric_tells_of_it(conn: Conn) -> None:
    outage = "SELECT value FROM broadcast.metrics() WHERE name = 'broadcast_manager_outage'"
    assert value(conn, outage) == 0
    for delivery in claim(conn):
        send(conn, delivery, "not_enough_rights", "not_enough_rights")
    assert value(conn, outage) == 1
    health = value(conn, "SELECT broadcast.health() -> 'outage'")
    assert (health["error_code"], health["channels"]) == ("not_enough_rights", 2)


def test_two_failures_at_once_note_one_outage(conn: Conn) -> None:
    for delivery in claim(conn):
        send(conn, delivery, "not_enough_rights", "not_enough_rights")
    began = value(conn, "SELECT began_at FROM broadcast.outage")
    assert value(conn, "SELECT broadcast.is_outage('not_enough_rights')")
    assert value(conn, "SELECT began_at FROM broadcast.outage") == began
