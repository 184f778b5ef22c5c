"""A channel that cannot be advertised: nothing is sent or deleted, nothing loops, and all who can mend it are told."""

import asyncio

import pytest

from pyapi.worker.loop import Round, run_round
from pyapi.worker.settings import WorkerSettings
from tests.delivery.broadcasts import Conn, add_broadcast, make_due, outcomes, row, seconds
from tests.functions.calls import value
from tools.telegram import Telegram

COUNT = "SELECT value FROM broadcast.metrics() WHERE name = 'broadcast_manager_not_advertisable'"
MENDED = "UPDATE main_clients_database SET closed_channel_donation_message = 'Please donate', sub_1_price = 5"
NO_TIER = "it has no tier with a price and a number of days"


def send(settings: WorkerSettings) -> Round:
    return asyncio.run(run_round(settings))


def loosen(conn: Conn) -> None:
    """Let the channels be as some copies of the platform let them be."""
    checks = conn.execute(
        "SELECT string_agg(format('DROP CONSTRAINT %I', conname), ', ') FROM pg_constraint"
        " WHERE conrelid = 'main_clients_database'::regclass AND contype = 'c'"
    ).fetchone()
    assert checks
    conn.execute(f"ALTER TABLE main_clients_database {checks[0]}".encode())
    conn.execute(
        "ALTER TABLE main_clients_database ALTER closed_channel_donation_message DROP NOT NULL,"
        " ALTER sub_1_price TYPE numeric, ALTER sub_1_price DROP NOT NULL"
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("closed_channel_donation_message = ' '", "it has no donation message"),
        ("sub_1_price = NULL", NO_TIER),
        ("sub_1_price = 'Infinity'", NO_TIER),
        ("sub_1_price = 0", NO_TIER),
    ],
)
def test_it_is_not_sent_until_it_is_mended(
    conn: Conn, settings: WorkerSettings, telegram: Telegram, change: str, problem: str
) -> None:
    broadcast = add_broadcast(conn)
    assert send(settings).counts() == {"sent": 1}
    loosen(conn)
    conn.execute(f"UPDATE main_clients_database SET sub_2_price = NULL, sub_3_price = NULL, {change}".encode())
    make_due(conn, broadcast)

    assert send(settings).counts() == {"not_advertisable": 1}
    assert [message["deleted"] for message in telegram.messages()] == [False, False]
    now = row(conn, broadcast)
    assert now["last_error_message"] == f"This channel cannot be advertised: {problem}."
    assert (now["consecutive_failures"], now["failed_broadcasts"], now["is_active"]) == (0, 0, True)
    assert seconds(hours=23) < now["due_in"] <= seconds(hours=24)
    assert value(conn, COUNT) == 1
    # No loop: nothing is due.
    assert send(settings).results == []

    conn.execute(MENDED)
    conn.execute("SELECT broadcast.request_broadcast(id, client_id) FROM broadcast_manager")
    assert send(settings).counts() == {"sent": 1}
    assert outcomes(conn, broadcast) == ["sent", "superseded", "sent"]
    assert value(conn, COUNT) == 0
    assert row(conn, broadcast)["last_error_message"] is None


def test_it_holds_up_no_other(conn: Conn, settings: WorkerSettings, telegram: Telegram) -> None:
    bad, good = add_broadcast(conn), add_broadcast(conn)
    loosen(conn)
    conn.execute(
        "UPDATE main_clients_database SET closed_channel_donation_message = NULL WHERE open_channel_id = %s",
        [bad.open_id],
    )
    assert send(settings).counts() == {"not_advertisable": 1, "sent": 1}
    assert telegram.sent() == {good.open_id: 1, good.closed_id: 1}
