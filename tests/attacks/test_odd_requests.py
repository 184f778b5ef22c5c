"""Requests as no browser writes them: none is a fault of ours, and each writes one line of log at most."""

import logging
import socket
from collections.abc import Iterator
from contextlib import suppress

import httpx
import pytest
from structlog.testing import capture_logs

from pyapi.web.server import _Impatient
from tests.api.calls import World
from tests.attacks.test_slow_requests import connected, read_to_the_end

HEAD = b"Host: x\r\nConnection: close\r\n"
FORM = HEAD + b"Content-Type: application/x-www-form-urlencoded\r\n"
OURS = FORM + b"Sec-Fetch-Site: same-origin\r\n"
JSON = HEAD + b"Content-Type: application/json\r\n"
CHUNKED = b"POST /api/auth/login HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
ODD: dict[str, bytes] = {
    "an origin that is no address": b"POST /login HTTP/1.1\r\n"
    + FORM
    + b"Origin: http://[\r\nContent-Length: 3\r\n\r\na=b",
    "an origin of half a character": b"POST /login HTTP/1.1\r\n"
    + FORM
    + b"Origin: http://\xbd\r\nContent-Length: 0\r\n\r\n",
    "no host and no origin": b"POST /login HTTP/1.0\r\nOrigin: http://\r\nContent-Length: 0\r\n\r\n",
    "a host that is none": b"GET / HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n",
    "half a form": b"POST /login HTTP/1.1\r\n" + OURS + b"Content-Length: 100\r\n\r\na=",
    "half JSON": b"POST /api/auth/login HTTP/1.1\r\n" + JSON + b"Content-Length: 100\r\n\r\n{",
    "a web socket": b"GET /events HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/2": b"GET /login HTTP/1.1\r\n" + HEAD + b"Upgrade: h2c\r\n\r\n",
    "two lengths": b"POST /login HTTP/1.1\r\n" + OURS + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\na=bc",
    "a length of 40 digits": b"POST /login HTTP/1.1\r\n" + OURS + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    "a length and chunks": b"POST /login HTTP/1.1\r\n"
    + FORM
    + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "packed": b"POST /login HTTP/1.1\r\n" + OURS + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a chunk of 30 digits": CHUNKED + b"f" * 30 + b"\r\n",
    "a chunk with an extension": CHUNKED + b"2;" + b"a" * 60_000 + b"\r\n{}\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"2\r\n{}\r\n0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "a range of 5000 digits": b"GET /static/dashboard.js HTTP/1.1\r\n"
    + HEAD
    + b"Range: bytes="
    + b"9" * 5000
    + b"-\r\n\r\n",
    "a range of other digits": b"GET /static/dashboard.js HTTP/1.1\r\n" + HEAD + b"Range: bytes=\xb2-\r\n\r\n",
    "a date of no calendar": b"GET /static/dashboard.js HTTP/1.1\r\n"
    + HEAD
    + b"If-Modified-Since: Sun, 99 Nov 0000 99:99:99 -9999\r\n\r\n",
    "a proxy": b"GET http://evil.example/login HTTP/1.1\r\n" + HEAD + b"\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "NUL in the path": b"GET /static/%00 HTTP/1.1\r\n" + HEAD + b"\r\n",
    "dots in the path": b"GET /static/..%2f..%2fapp.py HTTP/1.1\r\n" + HEAD + b"\r\n",
    "NUL in a header": b"GET /login HTTP/1.1\r\n" + HEAD + b"X: a\0b\r\n\r\n",
    "a greeting of TLS": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
}


@pytest.fixture
def page(world: World) -> Iterator[socket.socket]:
    """A connection to the application."""
    with connected(world) as conn:
        yield conn


@pytest.mark.parametrize("sent", ODD.values(), ids=ODD)
def test_odd_request_is_no_fault_and_writes_one_line_at_most(
    page: socket.socket, base_url: str, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    with capture_logs() as told:
        page.sendall(sent)
        with suppress(OSError):
            page.shutdown(socket.SHUT_WR)
        answer = read_to_the_end(page)
        # When this one is answered, the other is over, also where it was hung up on.
        httpx.get(f"{base_url}/login")
    assert answer == b"" or answer[9:10] in b"234", answer[:80]
    lines = [line["event"] for line in told if line["log_level"] != "debug"]
    lines += [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert len(lines) <= 1, lines


def test_thousands_of_chunks_are_not_read_at_once(page: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    real = _Impatient.data_received

    def noted(self: _Impatient, data: bytes) -> None:
        taken.append(len(data))
        real(self, data)

    monkeypatch.setattr(_Impatient, "data_received", noted)
    page.sendall(CHUNKED + b"1\r\n \r\n" * 40_000 + b"0\r\n\r\n")
    assert read_to_the_end(page).startswith(b"HTTP/1.1 400")
    assert sum(taken) > 240_000
    assert max(taken) <= 8192
