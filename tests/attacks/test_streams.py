"""Event streams of many at once, and of those who read nothing, hold up nobody."""

import select
import socket
from contextlib import ExitStack

import httpx
import psycopg
import pytest

from pyapi.settings import Settings
from pyapi.web import server as web_server
from pyapi.web.dashboard.sessions import SESSION_COOKIE
from pyapi.web.middleware import stream_turns
from tests.api.calls import served
from tests.dashboard.conftest import owner_conn as owner_conn
from tests.dashboard.conftest import settings as settings
from tests.dashboard.test_events import signed_in
from tools.databases import add_user


def test_streams_that_wait_for_their_turn_keep_no_other_request_waiting(
    settings: Settings, owner_conn: psycopg.Connection[object]
) -> None:
    """Of sixty streams whose user's row is locked, so that none is answered, the pool sees a few."""
    assert settings.pool_max_size > stream_turns._AT_ONCE
    user = add_user(owner_conn)
    with ExitStack() as stack:
        url, _ = stack.enter_context(served(settings))
        http = stack.enter_context(signed_in(url, user))
        cookie = f"{SESSION_COOKIE}={http.cookies[SESSION_COOKIE]}"
        with owner_conn.transaction():
            owner_conn.execute("LOCK TABLE public.registered_users IN ACCESS EXCLUSIVE MODE")
            streams = [stack.enter_context(connected(url)) for _ in range(60)]
            for stream in streams:
                stream.sendall(f"GET /events HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n\r\n".encode())
            # It asks the database, too.
            assert httpx.get(f"{url}/api/mappings/currency-network", timeout=30).status_code == 200
        for stream in streams:
            assert stream.recv(12) == b"HTTP/1.1 200"


def test_whoever_does_not_read_is_hung_up_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_server, "_READ_SECONDS", 0.2)
    with served(settings) as (url, _), connected(url) as deaf:
        deaf.setblocking(False)
        gone = select.poll()
        gone.register(deaf, select.POLLHUP | select.POLLERR | select.POLLOUT)
        request = b"GET /static/dashboard.js HTTP/1.1\r\nHost: x\r\n\r\n" * 100
        for _ in range(100_000):
            ((_, event),) = gone.poll(30_000)
            if event & (select.POLLHUP | select.POLLERR):
                return
            try:
                deaf.send(request)
            except BlockingIOError:
                continue
            except ConnectionError:
                return
        pytest.fail("it may send for ever")


def connected(url: str) -> socket.socket:
    """A connection; whoever waits on it in vain fails after a minute."""
    address = httpx.URL(url)
    return socket.create_connection((address.host, address.port or 80), timeout=60)
