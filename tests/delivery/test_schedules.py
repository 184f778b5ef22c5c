"""Schedules: next_turn() over the changes of the clock, set_schedule(), and what a resend does not move."""

from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.delivery.broadcasts import Broadcast, Conn, add_broadcast, make_due, row, seconds
from tests.delivery.calls import claim, send, send_due
from tests.functions.calls import refused, value

BERLIN = {"kind": "daily", "send_at": "09:00", "time_zone": "Europe/Berlin"}


def set_schedule(conn: Conn, broadcast: Broadcast, **schedule: Any) -> None:
    """As the owner."""
    conn.execute("SELECT broadcast.set_schedule(%s, %s, %s)", [broadcast.id, broadcast.client, Jsonb(schedule)])


@pytest.mark.parametrize(
    ("send_at", "zone", "turns"),
    [
        # The clock goes forward on 29 March 2026 and back on 25 October: 09:00 stays 09:00.
        ("09:00", "Europe/Berlin", ["2026-03-28 08:00", "2026-03-29 07:00", "2026-03-30 07:00"]),
        ("09:00", "Europe/Berlin", ["2026-10-24 07:00", "2026-10-25 08:00", "2026-10-26 08:00"]),
        # There is no 02:30 on the one day, which is 03:30 then, and two of them on the other: one turn a day.
        ("02:30", "Europe/Berlin", ["2026-03-28 01:30", "2026-03-29 01:30", "2026-03-30 00:30"]),
        ("02:30", "Europe/Berlin", ["2026-10-24 00:30", "2026-10-25 01:30", "2026-10-26 01:30"]),
        ("00:00", "America/New_York", ["2026-03-08 05:00", "2026-03-09 04:00", "2026-03-10 04:00"]),
        ("23:59", "Pacific/Kiritimati", ["2026-01-01 09:59", "2026-01-02 09:59"]),
        # Half an hour only.
        ("02:15", "Australia/Lord_Howe", ["2026-10-02 15:45", "2026-10-03 15:45", "2026-10-04 15:15"]),
    ],
)
def test_daily_turn_keeps_its_local_time_once_each_day(conn: Conn, send_at: str, zone: str, turns: list[str]) -> None:
    broadcast = add_broadcast(conn)
    set_schedule(conn, broadcast, kind="daily", send_at=send_at, time_zone=zone)
    for turn, following in pairwise(turns):
        for after in ("", " + interval '1 second'", " + interval '20 hours'"):
            found = value(
                conn,
                "SELECT to_char(broadcast.next_turn(%s, NULL, (%s::timestamptz" + after + ")), 'YYYY-MM-DD HH24:MI')",
                broadcast.id,
                turn + " UTC",
            )
            assert found == following


@pytest.mark.parametrize(("missed", "due_in"), [("1 second", 24 * 3600 - 1), ("50 hours", 22 * 3600), ("0", 24 * 3600)])
def test_turns_without_a_schedule_keep_their_rhythm(conn: Conn, missed: str, due_in: int) -> None:
    query = "SELECT extract(epoch FROM broadcast.next_turn(%s, now() - %s::interval, now()) - now())::float8"
    assert value(conn, query, uuid4(), missed) == due_in


@pytest.mark.parametrize(
    ("schedule", "wrong"),
    [
        ({"kind": "weekly"}, {"schedule"}),
        ({}, {"schedule"}),
        (BERLIN | {"send_at": "24:00"}, {"send_at"}),
        (BERLIN | {"send_at": "9am"}, {"send_at"}),
        (BERLIN | {"time_zone": "Europe/Atlantis"}, {"time_zone"}),
        # AT TIME ZONE would take it, and no summer time would come.
        (BERLIN | {"time_zone": "CEST"}, {"time_zone"}),
        (BERLIN | {"time_zone": "+02:00"}, {"time_zone"}),
        ({"kind": "daily"}, {"send_at", "time_zone"}),
    ],
)
def test_schedule_that_cannot_be_kept_is_refused_by_field(
    conn: Conn, schedule: dict[str, Any], wrong: set[str]
) -> None:
    broadcast = add_broadcast(conn)
    before = row(conn, broadcast)["next_send_time"]
    with refused("BM006") as problems:
        set_schedule(conn, broadcast, **schedule)
    assert problems.keys() == wrong
    assert row(conn, broadcast)["next_send_time"] == before


def test_schedule_plans_the_next_turn_and_sending_the_one_after(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    set_schedule(conn, broadcast, **BERLIN)
    first = row(conn, broadcast)
    assert 0 < first["due_in"] <= seconds(hours=25)
    assert value(conn, "SELECT (%s AT TIME ZONE 'Europe/Berlin')::time::text", first["next_send_time"]) == "09:00:00"
    assert claim(conn) == []
    make_due(conn, broadcast)
    assert send_due(conn, "sent", "sent") == "sent"
    assert row(conn, broadcast)["next_send_time"] == first["next_send_time"]


def test_resend_does_not_move_a_daily_turn_and_is_the_last_one_without_a_schedule(conn: Conn) -> None:
    daily, plain = add_broadcast(conn, due=False), add_broadcast(conn, due=False)
    set_schedule(conn, daily, **BERLIN)
    planned = row(conn, daily)["next_send_time"]
    for broadcast in (daily, plain):
        conn.execute("SELECT broadcast.request_broadcast(%s, %s)", [broadcast.id, broadcast.client])
    # It was asked for: a schedule that is changed meanwhile does not call it off.
    set_schedule(conn, daily, **BERLIN)
    for delivery in claim(conn):
        assert send(conn, delivery, "sent", "sent") == "sent"
    assert row(conn, daily)["next_send_time"] == planned
    assert row(conn, plain)["due_in"] == pytest.approx(seconds(hours=24), abs=60)
    assert {cause for (cause,) in conn.execute("SELECT cause FROM broadcast.deliveries")} == {"by_hand"}


def test_by_hand_only_is_never_due_until_asked_for(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    set_schedule(conn, broadcast, kind="by_hand")
    assert row(conn, broadcast)["next_send_time"] is None
    assert claim(conn) == []
    conn.execute("SELECT broadcast.request_broadcast(%s, %s)", [broadcast.id, broadcast.client])
    assert send_due(conn, "sent", "sent") == "sent"
    assert row(conn, broadcast)["next_send_time"] is None
    with refused("BM018"):
        conn.execute("SELECT broadcast.skip_broadcast(%s, %s)", [broadcast.id, broadcast.client])
    set_schedule(conn, broadcast, kind="interval")
    assert row(conn, broadcast)["due_in"] == pytest.approx(seconds(hours=24), abs=60)


def test_failure_is_tried_again_at_its_time_whatever_the_schedule_becomes(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    assert send_due(conn, "sent", "kicked") == "failed"
    again = row(conn, broadcast)["next_send_time"]
    set_schedule(conn, broadcast, **BERLIN)
    assert row(conn, broadcast)["next_send_time"] == again
    make_due(conn, broadcast)
    assert send_due(conn, "sent", "sent") == "sent"
    moment = row(conn, broadcast)["next_send_time"]
    assert value(conn, "SELECT (%s AT TIME ZONE 'Europe/Berlin')::time::text", moment) == "09:00:00"


def test_zone_that_a_new_server_does_not_know_keeps_nobody_from_sending(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    set_schedule(conn, broadcast, **BERLIN)
    conn.execute("UPDATE broadcast.schedules SET time_zone = 'Europe/Atlantis'")
    make_due(conn, broadcast)
    assert send_due(conn, "sent", "sent") == "sent"
    assert row(conn, broadcast)["due_in"] == pytest.approx(seconds(hours=24), abs=60)


def test_schedule_goes_with_its_channel(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    set_schedule(conn, broadcast, **BERLIN)
    conn.execute("SELECT broadcast.forget_old_deliveries()")
    assert value(conn, "SELECT count(*) FROM broadcast.schedules") == 1
    conn.execute("DELETE FROM main_clients_database")
    conn.execute("SELECT broadcast.forget_old_deliveries()")
    assert value(conn, "SELECT count(*) FROM broadcast.schedules") == 0
