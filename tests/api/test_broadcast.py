"""Resend Notification: trigger, reactivate, status."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import psycopg
import pytest
import structlog

from tests.api.calls import NEVER_SENT, Person, refused


@pytest.fixture
def broadcast_id(person: Person) -> str:
    """The broadcast of a channel that the person has just registered."""
    return str(person.register().json()["broadcast_id"])


def trigger(person: Person, broadcast_id: str) -> httpx.Response:
    return person.http.post("/api/broadcast/trigger", json={"broadcast_id": broadcast_id})


def reactivate(person: Person, broadcast_id: str) -> httpx.Response:
    return person.http.post("/api/broadcast/reactivate", json={"broadcast_id": broadcast_id})


def status(person: Person, broadcast_id: str) -> httpx.Response:
    return person.http.get(f"/api/broadcast/status/{broadcast_id}")


def test_a_new_broadcast_is_queued_and_has_no_history(person: Person, broadcast_id: str) -> None:
    body = status(person, broadcast_id).json()
    due = datetime.fromisoformat(body.pop("next_send_time"))
    assert due.utcoffset() is not None
    assert datetime.fromisoformat(body.pop("next_turn")) == due
    channel = person.http.get("/api/channels").json()["channels"][0]
    assert body == {
        "broadcast_id": broadcast_id,
        "open_channel_id": channel["open_channel_id"],
        "closed_channel_id": channel["closed_channel_id"],
        "broadcast_status": "pending",
        "manual_trigger_count": 0,
        "schedule": {"kind": "interval", "send_at": None, "time_zone": None},
        **NEVER_SENT,
    }


def test_a_trigger_makes_it_due_now(person: Person, broadcast_id: str, owner_conn: psycopg.Connection[Any]) -> None:
    owner_conn.execute(
        "UPDATE public.broadcast_manager SET broadcast_status = 'completed', next_send_time = now() + interval '1 day'"
    )
    assert status(person, broadcast_id).json()["state"] == "sent"
    with structlog.testing.capture_logs() as logs:
        answer = trigger(person, broadcast_id)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "message": "Broadcast queued", "broadcast_id": broadcast_id}
    after = status(person, broadcast_id).json()
    assert (after["state"], after["broadcast_status"], after["manual_trigger_count"]) == ("queued", "pending", 1)
    assert 0 < after["retry_after_seconds"] <= 300
    assert [entry["broadcast_id"] for entry in logs if entry["event"].endswith("broadcast.requested")] == [broadcast_id]


def test_a_second_trigger_is_429_and_tells_when(person: Person, broadcast_id: str) -> None:
    assert trigger(person, broadcast_id).status_code == 200
    with structlog.testing.capture_logs() as logs:
        answer = trigger(person, broadcast_id)
    body = refused(answer, 429, "broadcast_rate_limited")
    assert 0 < body["retry_after_seconds"] <= 300
    assert answer.headers["retry-after"] == str(body["retry_after_seconds"])
    assert status(person, broadcast_id).json()["manual_trigger_count"] == 1
    failed = [entry["code"] for entry in logs if entry["event"].endswith("broadcast.failed")]
    assert failed == ["broadcast_rate_limited"]


def test_a_broadcast_that_is_being_sent_is_409(
    person: Person, broadcast_id: str, owner_conn: psycopg.Connection[Any]
) -> None:
    owner_conn.execute("UPDATE public.broadcast_manager SET broadcast_status = 'in_progress'")
    refused(trigger(person, broadcast_id), 409, "broadcast_in_progress")
    assert status(person, broadcast_id).json()["state"] == "sending"


def test_a_broadcast_that_is_off_is_409_until_it_is_switched_on(
    person: Person, broadcast_id: str, owner_conn: psycopg.Connection[Any]
) -> None:
    owner_conn.execute(
        "UPDATE public.broadcast_manager SET is_active = FALSE, consecutive_failures = 5, failed_broadcasts = 7,"
        " last_error_message = 'bot was kicked', last_error_time = now(), broadcast_status = 'failed'"
    )
    refused(trigger(person, broadcast_id), 409, "broadcast_inactive")
    off = status(person, broadcast_id).json()
    assert (off["state"], off["is_active"], off["consecutive_failures"]) == ("off", False, 5)
    answer = reactivate(person, broadcast_id)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "message": "Broadcast switched on", "broadcast_id": broadcast_id}
    on = status(person, broadcast_id).json()
    assert (on["is_active"], on["consecutive_failures"], on["failed_broadcasts"]) == (True, 0, 7)
    assert on["last_error_message"] == "bot was kicked"
    assert trigger(person, broadcast_id).status_code == 200


@pytest.mark.parametrize("call", [trigger, reactivate, status])
def test_an_unknown_broadcast_is_404_and_anothers_is_403(
    person: Person, other: Person, call: Callable[[Person, str], httpx.Response]
) -> None:
    theirs = other.register().json()["broadcast_id"]
    before = status(other, theirs).json()
    refused(call(person, str(uuid4())), 404, "broadcast_not_found")
    refused(call(person, theirs), 403, "broadcast_forbidden")
    assert status(other, theirs).json() == before


@pytest.mark.parametrize("call", [trigger, reactivate])
@pytest.mark.parametrize("broadcast_id", ["x", "1", "7e1018e4-5644-4031-a05c-4166cc87726", "None"])
def test_a_malformed_id_in_the_body_is_400(
    person: Person, call: Callable[[Person, str], httpx.Response], broadcast_id: str
) -> None:
    body = refused(call(person, broadcast_id), 400, "validation_failed")
    assert body["details"] == {"broadcast_id": "must be a UUID"}


def test_a_broadcast_that_an_operator_held_for_ever_can_be_read(
    person: Person, broadcast_id: str, owner_conn: psycopg.Connection[Any]
) -> None:
    owner_conn.execute("UPDATE public.broadcast_manager SET next_send_time = 'infinity'")
    assert status(person, broadcast_id).json()["next_send_time"] is None
    assert person.http.get("/api/channels").status_code == 200


DAILY = {"kind": "daily", "send_at": "09:00", "time_zone": "Europe/Berlin"}


def ask(person: Person, call: str, broadcast_id: str, **more: Any) -> httpx.Response:
    method = "PUT" if call == "schedule" else "POST"
    return person.http.request(method, f"/api/broadcast/{call}", json={"broadcast_id": broadcast_id, **more})


def test_a_schedule_moves_the_next_send_to_its_local_time(person: Person, broadcast_id: str) -> None:
    assert ask(person, "schedule", broadcast_id, schedule=DAILY).json()["message"] == "Schedule changed"
    after = status(person, broadcast_id).json()
    assert (after["state"], after["schedule"]) == ("scheduled", DAILY)
    assert (
        datetime.fromisoformat(after["next_send_time"]).astimezone(ZoneInfo("Europe/Berlin")).strftime("%R") == "09:00"
    )
    wrong = refused(
        ask(person, "schedule", broadcast_id, schedule=DAILY | {"time_zone": "CEST"}), 400, "validation_failed"
    )
    assert wrong["details"] == {"time_zone": "must be a time zone such as Europe/Berlin"}


def test_a_pause_lasts_until_it_is_switched_on_and_nothing_overdue_is_sent(
    person: Person, broadcast_id: str, owner_conn: psycopg.Connection[Any]
) -> None:
    assert ask(person, "pause", broadcast_id).status_code == 200
    off = status(person, broadcast_id).json()
    assert (off["state"], off["off_reason"]) == ("off", "owner")
    owner_conn.execute("UPDATE public.broadcast_manager SET next_send_time = now() - interval '5 h'")
    expected = status(person, broadcast_id).json()["next_turn"]
    assert ask(person, "reactivate", broadcast_id).status_code == 200
    on = status(person, broadcast_id).json()
    assert (on["state"], on["next_send_time"]) == ("scheduled", expected)
    ask(person, "pause", broadcast_id)
    assert ask(person, "reactivate", broadcast_id, first_send="now").status_code == 200
    assert status(person, broadcast_id).json()["state"] == "queued"


def test_a_skipped_turn_is_in_the_history(person: Person, other: Person, broadcast_id: str) -> None:
    assert ask(person, "skip", broadcast_id).status_code == 200
    assert status(person, broadcast_id).json()["state"] == "scheduled"
    history = f"/api/broadcast/history/{broadcast_id}"
    (skipped,) = person.http.get(history).json()["deliveries"]
    assert (skipped["outcome"], skipped["error_code"], skipped["parts"]) == ("skipped", "skipped_by_owner", [])
    assert person.http.get(history, params={"outcome": "sent"}).json() == {"deliveries": []}
    assert person.http.get(history, params={"before": skipped["id"]}).json() == {"deliveries": []}
    refused(person.http.get(history, params={"outcome": "fine"}), 400, "validation_failed")
    refused(other.http.get(history), 403, "broadcast_forbidden")
    ask(person, "schedule", broadcast_id, schedule={"kind": "by_hand"})
    refused(ask(person, "skip", broadcast_id), 409, "broadcast_without_turns")


@pytest.mark.parametrize(
    ("plan", "hours"),
    [
        ({}, 0),
        ({"first_send": None}, 0),
        ({"first_send": "next_turn"}, 24),
        ({"first_send": "2001-01-01T00:00:00Z"}, 0),
        ({"first_send": "next_turn", "schedule": {"kind": "by_hand"}}, None),
        ({"schedule": {"kind": "by_hand"}}, 0),
    ],
)
def test_a_registration_is_due_at_once_unless_it_says_otherwise(
    person: Person, owner_conn: psycopg.Connection[Any], plan: dict[str, Any], hours: int | None
) -> None:
    made = person.register(**plan)
    assert made.status_code == 201
    due_in = owner_conn.execute(
        "SELECT extract(epoch FROM next_send_time - now())::float8 / 3600 FROM public.broadcast_manager WHERE id = %s",
        [made.json()["broadcast_id"]],
    ).fetchone()
    assert due_in == (None if hours is None else pytest.approx(hours, abs=0.1),)


def test_a_first_send_at_a_moment_is_at_that_moment(person: Person) -> None:
    broadcast_id = person.register(first_send="2100-01-01T10:00:00+02:00").json()["broadcast_id"]
    assert status(person, broadcast_id).json()["next_send_time"] == "2100-01-01T08:00:00Z"
    for wrong in ("tomorrow", "infinity", "2100-13-01", "x"):
        assert set(refused(person.register(first_send=wrong), 400, "validation_failed")["details"]) == {"first_send"}
