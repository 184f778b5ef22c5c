"""Whoever is refused fills no log: one line at most for a request, of bounded length."""

import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.api.calls import Person, registration
from tests.logs.conftest import Line
from tools.telegram import until

LONGEST = 1000
LONG = "%0A" * 2_000
FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}

REFUSED: dict[str, dict[str, Any]] = {
    "no such address": {"method": "GET", "url": f"/{LONG}"},
    "no such call": {"method": "GET", "url": f"/api/{LONG}"},
    "no such method": {"method": "X" * 5_000, "url": "/api/channels"},
    "malformed id": {"method": "GET", "url": f"/api/channels/{LONG}"},
    "malformed ids": {"method": "GET", "url": f"/channels/{LONG}/x/edit"},
    "no token": {"method": "GET", "url": "/api/channels", "headers": {"Authorization": ""}},
    "an odd token": {"method": "GET", "url": "/api/channels", "headers": {"Authorization": f"Bearer {LONG}"}},
    "odd fields": {"method": "POST", "url": "/api/channels/register", "json": {f"k{n}": n for n in range(4_000)}},
    "wrong fields": {
        "method": "POST",
        "url": "/api/channels/register",
        "json": {key: [LONG[:900]] for key in registration()},
    },
    "odd query": {"method": "GET", "url": f"/api/channels?sort={LONG}"},
    "no JSON": {"method": "POST", "url": "/api/channels/register", "content": b"[" * 60_000},
    "too large": {"method": "POST", "url": "/api/channels/register", "content": b"[" * 70_000},
    "wrong password": {
        "method": "POST",
        "url": "/api/auth/login",
        "json": {"username": "x" * 255, "password": LONG[:900]},
    },
    "wrong password, by form": {
        "method": "POST",
        "url": "/login",
        "headers": FORM,
        "content": f"username={LONG}&password={LONG}".encode(),
    },
    "another site": {"method": "POST", "url": "/login", "headers": {"Origin": LONG}, "data": {"x": LONG}},
    "another codec": {"method": "POST", "url": "/login", "headers": {**FORM, "Content-Type": LONG}, "content": b"x"},
    "large headers": {"method": "GET", "url": "/", "headers": {"X": LONG * 3}},
    "long address": {"method": "GET", "url": f"/{LONG}{LONG}"},
    "nobody's broadcast": {
        "method": "POST",
        "url": "/api/broadcast/trigger",
        "json": {"broadcast_id": "7e1018e4-5644-4031-a05c-4166cc877264"},
    },
    "nobody's channel": {"method": "DELETE", "url": "/api/channels/-1003268562225?closed_channel_id=-1003268562226"},
}


def told(lines: Callable[[], list[Line]], request_id: str) -> list[Line]:
    """What an operator reads of a request that has ended."""

    def ended() -> list[Line]:
        mine = [line for line in lines() if line.get("request_id") == request_id]
        return mine if mine and mine[-1]["event"] == "request.done" else []

    mine = until(ended, "the request has ended")
    assert max(len(json.dumps(line)) for line in mine) <= LONGEST
    return [line for line in mine if line["level"] != "debug"]


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
def test_a_refused_request_is_one_line_at_most(
    person: Person, lines: Callable[[], list[Line]], request_: dict[str, Any]
) -> None:
    headers = {"X-Request-ID": "refused", **request_.get("headers", {})}
    answer = person.http.request(**{**request_, "headers": headers})
    assert 400 <= answer.status_code < 500 or answer.status_code in {200, 303}, answer.status_code
    assert len(told(lines, answer.headers["X-Request-ID"])) <= 1


def test_a_page_that_is_looked_at_is_none(person: Person, lines: Callable[[], list[Line]]) -> None:
    for path in ("/api/channels", "/login", "/static/dashboard.js", "/api/health"):
        assert person.http.get(path, headers={"X-Request-ID": path.replace("/", ".")}).status_code == 200
        assert told(lines, path.replace("/", ".")) == []


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00" + b"\xff" * 10_000, b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b" x" * 5_000 + b"\r\n\r\n"],
    ids=["TLS", "version", "blanks"],
)
def test_what_is_no_http_is_one_line_at_most(base_url: str, lines: Callable[[], list[Line]], sent: bytes) -> None:
    url = httpx.URL(base_url)
    # Hung up on before all of it was read, the client may be told of a reset.
    with (
        suppress(ConnectionResetError, BrokenPipeError),
        socket.create_connection((url.host, url.port or 80), timeout=60) as conn,
    ):
        conn.sendall(sent)
        while conn.recv(65536):
            pass
    seen = [line for line in lines() if line["level"] != "debug"]
    assert len(seen) <= 1
    assert all(len(json.dumps(line)) <= LONGEST for line in seen)
