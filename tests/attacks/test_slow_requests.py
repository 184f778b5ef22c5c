"""Who sends a request as slowly as possible holds up nobody, and is hung up on."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import psycopg
import pytest

from pyapi.web import server as web_server
from pyapi.web.dashboard.sessions import SESSION_COOKIE
from tests.api.calls import Person, World, new_world
from tests.dashboard.visitor import Visitor

POST = b"POST /api/channels/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
GET = b"GET /api/health HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = {
    "nothing": b"",
    "half a line": b"GET /api/hea",
    "headers without end": b"GET /api/health HTTP/1.1\r\nHost: x\r\nX-A: b\r\n",
    "no body": POST + b"\r\n",
    "half a body": POST + b"\r\n" + b'{"open_channel_id": ',
    "half a chunk": POST.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked") + b"\r\n5\r\nab",
}


@pytest.fixture
def world(
    server_url: str, template: str, api_role: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[World]:
    """An application with one connection to the database, and as little patience as the test wants."""
    monkeypatch.setattr(web_server, "_REQUEST_SECONDS", getattr(request, "param", 3600.0))
    with new_world(server_url, template, api_role, pool_max_size=1) as made:
        yield made


def connected(world: World) -> socket.socket:
    """A connection; whoever waits on it in vain fails after a minute."""
    url = httpx.URL(world.base_url)
    return socket.create_connection((url.host, url.port or 80), timeout=60)


def read_to_the_end(conn: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    parts = []
    try:
        while part := conn.recv(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@pytest.mark.parametrize("world", [0.2], indirect=True)
@pytest.mark.parametrize("sent", SLOW.values(), ids=SLOW)
def test_whoever_does_not_send_a_whole_request_in_time_is_hung_up_on(world: World, sent: bytes) -> None:
    with connected(world) as conn:
        conn.sendall(sent)
        assert read_to_the_end(conn) == b""


@pytest.mark.parametrize("world", [0.2], indirect=True)
def test_a_second_request_has_no_more_time(world: World) -> None:
    with connected(world) as conn:
        conn.sendall(GET)
        answer = b""
        while not answer.endswith(b"}"):
            answer += conn.recv(65536)
        conn.sendall(b"GET /api/hea")
        assert read_to_the_end(conn) == b""


@pytest.mark.parametrize("world", [0.2], indirect=True)
def test_whoever_waits_for_the_answer_is_not(world: World, person: Person, owner_conn: psycopg.Connection[Any]) -> None:
    visitor = Visitor.signed_in(world.base_url, person)
    cookie = f"{SESSION_COOKIE}={visitor.http.cookies[SESSION_COOKIE]}"
    with connected(world) as page, connected(world) as slow:
        page.sendall(f"GET /events HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
        received = b""
        while b"event: changed" not in received:
            received += page.recv(65536)
        # Longer than anybody's patience.
        read_to_the_end(slow)
        assert person.register().status_code == 201
        assert page.recv(65536)
    visitor.http.close()
    assert owner_conn.execute("SELECT count(*) FROM public.main_clients_database").fetchone() == (1,)


def test_slow_requests_hold_no_connection_to_the_database(world: World, person: Person) -> None:
    visitor = Visitor.signed_in(world.base_url, person)
    form = (
        f"POST /channels/new HTTP/1.1\r\nHost: x\r\nCookie: {SESSION_COOKIE}={visitor.http.cookies[SESSION_COOKIE]}\r\n"
        "Sec-Fetch-Site: same-origin\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nx="
    ).encode()
    signed_in = POST + f"Authorization: Bearer {person.access_token}\r\n\r\n".encode() + b"{"
    with ExitStack() as stack:
        for sent in [*SLOW.values(), form, signed_in] * 3:
            stack.enter_context(connected(world)).sendall(sent)
        assert person.register().status_code == 201
        assert len(visitor.http.get("/channels/list").text) > 100
    visitor.http.close()
