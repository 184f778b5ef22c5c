"""Requests before any login whose parts grow: twice the size may take about twice the time, and never long.

The whole application is called, without a network and without a database: what would ask it is answered with 503.
"""

import asyncio
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr
from starlette.types import ASGIApp, Message
from structlog.testing import capture_logs
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from pyapi.pool import make_pool
from pyapi.settings import Settings
from pyapi.web.app import create_app
from pyapi.web.dashboard.sessions import MAX_FORM_BYTES, SESSION_COOKIE
from pyapi.web.middleware.body_limit import MAX_BODY_BYTES
from pyapi.web.middleware.head_limit import MAX_HEADER_BYTES, MAX_TARGET_BYTES

MOST_SECONDS = 0.05
# Others work on this machine, too: the quickest tells.
_REPETITIONS = 20
_FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
_JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Request:
    """One request."""

    method: str = "GET"
    path: str = "/api/channels"
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def _times(part: str, size: int) -> str:
    return part * (size // len(part))


def _header(name: str, part: str, before: str = "", after: str = "") -> Callable[[int], Request]:
    return lambda size: Request(headers={name: before + _times(part, size) + after})


def _file(name: str, part: str, before: str = "") -> Callable[[int], Request]:
    return lambda size: Request(path="/static/dashboard.js", headers={name: before + _times(part, size)})


def _ranges(size: int, step: int) -> Request:
    numbers = list(range(0, size // 8))[::step]
    return Request(
        path="/static/dashboard.js", headers={"range": "bytes=" + ",".join(f"{n}-{n}" for n in numbers)[:size]}
    )


def _form(part: str, before: str = "") -> Callable[[int], Request]:
    return lambda size: Request("POST", "/login", headers=_FORM, body=(before + _times(part, size)).encode())


def _json(part: str, before: str = "", after: str = "") -> Callable[[int], Request]:
    return lambda size: Request(
        "POST", "/api/auth/login", headers=_JSON, body=(before + _times(part, size) + after).encode()
    )


def _typed(content_type: str) -> Callable[[int], Request]:
    headers = {**_FORM, "content-type": content_type}
    return lambda size: Request("POST", "/login", headers=headers, body=b"--x\r\n" * (size // 5))


# Each with the largest size that is let in; headers beside it take some of the limit.
_HEAD, _TARGET = MAX_HEADER_BYTES - 512, MAX_TARGET_BYTES - 64
_BODY, _FORM_BODY = MAX_BODY_BYTES - 64, MAX_FORM_BYTES - 64
GROWING: dict[str, tuple[int, Callable[[int], Request]]] = {
    "cookie, quoted": (_HEAD, _header("cookie", "\\042", 'a="', '"')),
    "cookie, ours quoted": (_HEAD, _header("cookie", "\\042", f'{SESSION_COOKIE}="', '"')),
    "cookie, ours": (_HEAD, _header("cookie", "e30.", f"{SESSION_COOKIE}=")),
    "cookies": (_HEAD, _header("cookie", "a=b; ")),
    "cookies, ours": (_HEAD, _header("cookie", f"{SESSION_COOKIE}=a; ")),
    "cookies, semicolons": (_HEAD, _header("cookie", "; ")),
    "bearer, dots": (_HEAD, _header("authorization", ".", "Bearer ")),
    "bearer, brackets": (_HEAD, _header("authorization", "W1tb", "Bearer ", ".e30.e30")),
    "bearer, claims": (_HEAD, _header("authorization", "W1tb", "Bearer eyJhbGciOiJIUzI1NiJ9.", ".e30")),
    "bearer, blanks": (_HEAD, _header("authorization", " ", "Bearer")),
    "forwarded addresses": (_HEAD, _header("x-forwarded-for", "127.0.0.1, ")),
    "forwarded address": (_HEAD, _header("x-forwarded-for", ":")),
    "forwarded schemes": (_HEAD, _header("x-forwarded-proto", "https, ")),
    "forwarded": (_HEAD, _header("forwarded", "for=127.0.0.1;")),
    "request id": (_HEAD, _header("x-request-id", "x")),
    "origin": (_HEAD, _header("origin", "[", "https://")),
    "content type": (_HEAD, _header("content-type", ";a=b", "application/json")),
    "ranges": (_HEAD, _file("range", "0-,", "bytes=")),
    "ranges in order": (_HEAD, lambda size: _ranges(size, 1)),
    "ranges in reverse": (_HEAD, lambda size: _ranges(size, -1)),
    "tags": (_HEAD, _file("if-none-match", 'W/"a", ')),
    "date": (_HEAD, _file("if-modified-since", "Mon, 01 Jan ")),
    "date, brackets": (_HEAD, _file("if-modified-since", "(")),
    "if range": (_HEAD, _file("if-range", '"')),
    "path": (_TARGET, lambda size: Request(path="/api/channels/" + "1" * size)),
    "path, slashes": (_TARGET, lambda size: Request(path="/" * size)),
    "query": (_TARGET, lambda size: Request(query=_times("a=b&", size))),
    "query, escaped": (_TARGET, lambda size: Request(query="closed_channel_id=" + _times("%25", size))),
    "form": (_FORM_BODY, _form("a=b&")),
    "form, ampersands": (_FORM_BODY, _form("&")),
    "form, escaped": (_FORM_BODY, _form("%C3%BC", "username=")),
    "form, not UTF-8": (_FORM_BODY, _form("%ff", "username=")),
    "form, name": (_FORM_BODY, _form("+")),
    "multipart": (_BODY, _typed("multipart/form-data; boundary=x")),
    "multipart, codec": (_BODY, _typed("multipart/form-data; charset=punycode; boundary=x")),
    "form, codec": (_BODY, _typed("application/x-www-form-urlencoded; charset=punycode")),
    "JSON, arrays": (_BODY, _json("[")),
    "JSON, objects": (_BODY, _json('{"a":')),
    "JSON, text": (_BODY, _json("\\u00fc", '{"username": "', '", "password": "x"}')),
    "JSON, password": (_BODY, _json("x", '{"username": "x", "password": "', '"}')),
    "JSON, digits": (_BODY, _json("9")),
    "JSON, keys": (_BODY, _json('"a":1,', "{", '"b":2}')),
}


async def answer_status(app: ASGIApp, request: Request) -> int:
    """The status of the application's answer."""
    status, received = 0, asyncio.Event()
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "root_path": "",
        "query_string": request.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in request.headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }

    async def receive() -> Message:
        if received.is_set():
            # As of a client that waits for the answer.
            await asyncio.Event().wait()
        received.set()
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def note(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, note)
    return status


class Requests:
    """Sends what grows to the application, and finds what takes too long."""

    def __init__(self) -> None:
        settings = Settings(
            database_url="postgresql:///nowhere",
            jwt_secret_key=SecretStr(secrets.token_hex()),
            cors_origins=["https://front.example.org"],
            login_limit_per_username="1000000 per minute",
            login_limit_per_address="1000000 per minute",
        )
        app = create_app(settings)
        # It is never opened, so whoever asks for a connection is refused at once.
        app.state.pool = make_pool(settings.database_url, "fuzz", max_size=1, timeout=0.01)
        self.app: ASGIApp = ProxyHeadersMiddleware(app, trusted_hosts="127.0.0.1")  # type: ignore[arg-type, assignment] # uvicorn's own types of the same

    async def send(self, request: Request) -> int:
        """The status of the answer."""
        return await answer_status(self.app, request)

    def calls(self, request: Request) -> int:
        """How many functions an answer takes."""
        count = 0

        def counting(_: Any, event: str, __: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        async def counted() -> None:
            sys.setprofile(counting)
            try:
                await self.send(request)
            finally:
                sys.setprofile(None)

        with capture_logs():
            asyncio.run(counted())
        return count

    def seconds(self, request: Request) -> float:
        """How long an answer takes at the quickest."""

        async def timed() -> float:
            began = time.perf_counter()
            await self.send(request)
            return time.perf_counter() - began

        async def quickest() -> float:
            return min([await timed() for _ in range(_REPETITIONS)])

        with capture_logs():
            return asyncio.run(quickest())

    def run(self) -> Iterator[str]:
        """What takes too long, as a sentence each."""
        for name, (largest, make) in GROWING.items():
            half, whole = self.seconds(make(largest // 2)), self.seconds(make(largest))
            if whole > MOST_SECONDS:
                yield f"request {name}: {1000 * whole:.0f} ms for {largest} octets"
            # A millisecond for what does not grow.
            if whole > 3 * half + 0.001:
                yield f"request {name}: {1000 * half:.1f} ms for half of {largest} octets, {1000 * whole:.1f} for all"
