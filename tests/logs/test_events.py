"""Real calls, and the lines that tell of them."""

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from pyapi import ChannelPairTaken, insert_channel, read_broadcast_id
from pyapi.worker.loop import run_round
from pyapi.worker.settings import WorkerSettings
from tests.api.calls import PASSWORD, Person, World, log_in, registration
from tests.delivery.broadcasts import Conn, add_broadcast
from tests.logs.conftest import Line
from tests.logs.documented import EVERY_LINE, documented_events
from tools import databases
from tools.telegram import Telegram, until

Lines = Callable[[], list[Line]]


def by_request(lines: Lines, request_id: str) -> list[Line]:
    """What was logged of a request until it ended."""

    def found() -> list[Line]:
        mine = [line for line in lines() if line.get("request_id") == request_id]
        done = [n for n, line in enumerate(mine, 1) if line["event"] == "request.done"]
        return mine[: done[0]] if done else []

    return until(found, f"request {request_id} is logged")


def check_documented(logged: list[Line]) -> None:
    """Each line is an event of docs/logs.md with no other fields than those listed there, at its level."""
    events = documented_events()
    for line in logged:
        event = events[line["event"]]
        by_context = {"client_id"} if "request_id" in line else set()
        assert set(line) <= event.fields | EVERY_LINE | by_context, line
        assert line["level"] == event.level, line


def test_each_fact_of_a_channels_life_has_its_event(
    person: Person, other: Person, lines: Lines, owner_conn: psycopg.Connection[Any]
) -> None:
    channel = registration()
    one = f"/api/channels/{channel['open_channel_id']}"
    told: dict[str, list[tuple[str, str | None]]] = {}

    def call(step: str, method: str, path: str, by: Person = person, **body: Any) -> httpx.Response:
        answer = by.http.request(method, path, headers={"X-Request-ID": step}, json=body or None)
        logged = by_request(lines, step)
        check_documented(logged)
        assert {line["client_id"] for line in logged} == {str(by.user_id)}
        assert (logged[-1]["method"], logged[-1]["path"], logged[-1]["status"]) == (method, path, answer.status_code)
        told[step] = [(line["event"], line.get("code")) for line in logged[:-1]]
        return answer

    broadcast_id = call("register", "POST", "/api/channels/register", **channel).json()["broadcast_id"]
    call("taken", "POST", "/api/channels/register", other, **channel)
    call("update", "PUT", one, open_channel_title="Evening")
    call("trigger", "POST", "/api/broadcast/trigger", broadcast_id=broadcast_id)
    call("too-soon", "POST", "/api/broadcast/trigger", broadcast_id=broadcast_id)
    call("reactivate", "POST", "/api/broadcast/reactivate", broadcast_id=broadcast_id)
    call("pause", "POST", "/api/broadcast/pause", broadcast_id=broadcast_id)
    call("skip-off", "POST", "/api/broadcast/skip", broadcast_id=broadcast_id)
    call("resume", "POST", "/api/broadcast/reactivate", broadcast_id=broadcast_id)
    call("skip", "POST", "/api/broadcast/skip", broadcast_id=broadcast_id)
    call("schedule", "PUT", "/api/broadcast/schedule", broadcast_id=broadcast_id, schedule={"kind": "by_hand"})
    call("others", "DELETE", one, other)
    call("read-others", "GET", one, other)
    call("others-status", "GET", f"/api/broadcast/status/{broadcast_id}", other)
    call("no-status", "GET", f"/api/broadcast/status/{uuid4()}")
    call("delete", "DELETE", one)
    call("read-gone", "GET", one)
    call("shapeless", "POST", "/api/channels/register", **channel | {"sub_1_price": "much", "sub_1_time": None})
    owner_conn.execute("ALTER TABLE public.main_clients_database DISABLE TRIGGER create_broadcast_rows")
    try:
        call("broken", "POST", "/api/channels/register", **registration())
    finally:
        owner_conn.execute("ALTER TABLE public.main_clients_database ENABLE TRIGGER create_broadcast_rows")
    assert told == {
        "register": [("channel.registered", None), ("broadcast.created", None)],
        "taken": [("channel.failed", "channel_pair_taken")],
        "update": [("channel.updated", None)],
        "trigger": [("broadcast.requested", None)],
        "too-soon": [("broadcast.failed", "broadcast_rate_limited")],
        "reactivate": [("broadcast.reactivated", None)],
        "pause": [("broadcast.paused", None)],
        "skip-off": [("broadcast.failed", "broadcast_inactive")],
        "resume": [("broadcast.reactivated", None)],
        "skip": [("broadcast.skipped", None)],
        "schedule": [("broadcast.scheduled", None)],
        "others": [("channel.failed", "channel_forbidden")],
        "read-others": [("channel.failed", "channel_forbidden")],
        "others-status": [("broadcast.failed", "broadcast_forbidden")],
        "no-status": [("broadcast.failed", "broadcast_not_found")],
        "delete": [("channel.deleted", None)],
        "read-gone": [("channel.failed", "channel_not_found")],
        "shapeless": [("request.invalid", "validation_failed")],
        "broken": [("broadcast.failed", "broadcast_rule_broken"), ("api.failed", "broadcast_rule_broken")],
    }
    created, deleted, invalid = (
        next(line for line in lines() if line["event"] == event)
        for event in ("broadcast.created", "channel.deleted", "request.invalid")
    )
    assert (created["count"], created["broadcast_id"]) == (1, broadcast_id)
    assert deleted["broadcast_cleaned_up"] == broadcast_id
    assert invalid["fields"] == ["sub_1_price", "sub_1_time"]
    ours = [line for line in lines() if line["event"].startswith(("channel.", "broadcast."))]
    assert [line for line in ours if "duration_ms" not in line] == []
    broken = next(line for line in lines() if line.get("code") == "broadcast_rule_broken")
    assert broken["sqlstate"] == "23503"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "ä", '"}', "../../etc"])
def test_request_id_that_is_not_plain_is_replaced(anonymous: httpx.Client, lines: Lines, given: str) -> None:
    answer = anonymous.get("/api/health", headers=[(b"X-Request-ID", given.encode())])
    used = answer.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", used)
    assert by_request(lines, used)[-1]["path"] == "/api/health"


def test_requests_do_not_share_what_is_known_of_them(person: Person, lines: Lines) -> None:
    head = "HTTP/1.1\r\nHost: x\r\nX-Request-ID:"
    one = f"GET /api/channels {head} mine\r\nAuthorization: Bearer {person.access_token}\r\n\r\n"
    two = f"GET /api/health {head} nobodys\r\nConnection: close\r\n\r\n"
    with socket.create_connection((person.http.base_url.host, person.http.base_url.port or 80)) as conn:
        # Pipelined, on one connection.
        conn.sendall((one + two).encode())
        with conn.makefile("rb") as answers:
            assert answers.read().count(b"HTTP/1.1 200") == 2
    assert by_request(lines, "mine")[-1]["client_id"] == str(person.user_id)
    assert "client_id" not in by_request(lines, "nobodys")[-1]


def test_what_nobody_expected_is_logged_and_answered_with_the_id(
    world: World, person: Person, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    del world

    async def fall_over(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pyapi.channels.channels.list_channels", fall_over)
    answer = person.http.get("/api/channels", headers={"X-Request-ID": "bad-luck"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (500, "bad-luck")
    logged = by_request(lines, "bad-luck")
    assert [(line["event"], line.get("code")) for line in logged] == [
        ("api.failed", "internal_error"),
        ("request.done", None),
    ]
    # Then uvicorn tells where, on one line, and of the same request.
    told = until(lambda: [line for line in lines() if line.get("logger") == "uvicorn.error.protocol"], "a traceback")
    assert "ZeroDivisionError" in told[0]["exception"]
    assert told[0]["request_id"] == "bad-luck"


def test_sign_ins_that_fail_are_told_without_what_was_typed(
    person: Person, anonymous: httpx.Client, lines: Lines, owner_conn: psycopg.Connection[Any]
) -> None:
    typed = "my-pass-word-in-the-wrong-field"
    log_in(anonymous, typed)
    log_in(anonymous, person.username, typed)
    owner_conn.execute("UPDATE registered_users SET is_active = FALSE WHERE user_id = %s", [person.user_id])
    log_in(anonymous, person.username)
    until(lambda: sum(line["event"] == "request.done" for line in lines()) == 3, "three requests")
    check_documented(lines())
    failed = [line for line in lines() if line["event"] == "login.failed"]
    assert [(line["code"], line["client_id"], line["address"]) for line in failed] == [
        ("login_failed", None, "127.0.0.1"),
        ("login_failed", str(person.user_id), "127.0.0.1"),
        ("account_inactive", str(person.user_id), "127.0.0.1"),
    ]
    text = repr(lines())
    for secret in (typed, PASSWORD, person.access_token, person.refresh_token):
        assert secret not in text


def test_each_fact_of_a_delivery_has_its_event(
    conn: Conn, settings: WorkerSettings, telegram: Telegram, lines: Lines
) -> None:
    good, bad, mute = (add_broadcast(conn) for _ in range(3))
    telegram.order("kicked", method="sendMessage", chat_id=bad.open_id)
    telegram.order("cut_before", method="sendMessage", chat_id=mute.closed_id)
    asyncio.run(run_round(settings))
    check_documented(lines())

    def told(broadcast_id: UUID) -> list[tuple[str, str | None, str | None]]:
        mine = [line for line in lines() if line.get("broadcast_id") == str(broadcast_id)]
        return [(line["event"], line.get("part"), line.get("code")) for line in mine]

    assert told(good.id) == [
        ("broadcast.claimed", None, None),
        ("part.sent", "open", None),
        ("part.sent", "closed", None),
        ("broadcast.sent", None, None),
    ]
    assert told(bad.id) == [
        ("broadcast.claimed", None, None),
        ("part.failed", "open", "kicked"),
        ("part.sent", "closed", None),
        ("broadcast.failed", None, "kicked"),
    ]
    assert told(mute.id)[-2:] == [("part.unknown", "closed", "no_answer"), ("broadcast.unknown", None, "no_answer")]
    assert settings.telegram_bot_token.get_secret_value() not in repr(lines())


def test_library_calls_are_told_to_those_who_listen(database: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pyapi")
    with databases.connect(database) as conn:
        channel = databases.new_channel(databases.add_user(conn))
        broadcast_id = insert_channel(conn, channel)
        assert read_broadcast_id(conn, channel.open_channel_id, channel.closed_channel_id) == broadcast_id
        with pytest.raises(ChannelPairTaken):
            insert_channel(conn, channel)
    told = [vars(record) for record in caplog.records if record.name == "pyapi.read_back"]
    assert [(r["msg"], r.get("broadcast_id"), r.get("count"), r.get("code")) for r in told] == [
        ("broadcast.created", str(broadcast_id), 1, None),
        ("broadcast.read_back", str(broadcast_id), None, None),
        ("channel.failed", None, None, "channel_pair_taken"),
    ]
    created, read_back, failed = (record.keys() - vars(logging.makeLogRecord({})) - {"message"} for record in told)
    events = documented_events()
    assert created == events["broadcast.created"].fields
    assert read_back == events["broadcast.read_back"].fields
    # Where the insert was refused there is no broadcast.
    assert failed == events["channel.failed"].fields - {"broadcast_id"}
