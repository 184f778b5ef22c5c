"""Looks at a request's line and headers before anything parses them: refuses large ones, passes on our cookies only."""

import re
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from pyapi.web.middleware.http import HttpMiddleware

# The largest that is needed: a token of 500 octets, what a browser tells of itself, and cookies of other services.
MAX_HEADER_BYTES = 16 * 1024
MAX_TARGET_BYTES = 8 * 1024
# As HTTP/2 counts (RFC 9113, 10.5.1): so that many empty headers are not for nothing.
_EACH_HEADER = 32
# What pyapi.web.dashboard sets: none of our values is quoted. The standard library's parser of cookies takes a
# time that grows with the square of the quoted ones, up to Python 3.11.9 and 3.12.5 (CVE-2024-7592).
_OUR_COOKIE = re.compile(rb"broadcast_manager_[a-z]+=[A-Za-z0-9._-]*")


class HeadLimit(HttpMiddleware):
    """Answers 414 or 431 where the head is too large.

    Args:
        app: what is called otherwise, with no other cookies than ours in the scope.
        answer: makes the answer that tells of a failure.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[Request, Exception], Awaitable[Response]]) -> None:
        super().__init__(app)
        self._answer = answer

    async def on_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        status = None
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
            status = 414
        elif sum(len(name) + len(value) + _EACH_HEADER for name, value in headers) > MAX_HEADER_BYTES:
            status = 431
        if status is not None:
            scope["headers"] = []
            response = await self._answer(Request(scope), HTTPException(status))
            await response(scope, receive, send)
            return
        scope["headers"] = [header for header in headers if header[0] != b"cookie"]
        if len(scope["headers"]) < len(headers):
            cookies = (part.strip() for name, value in headers if name == b"cookie" for part in value.split(b";"))
            scope["headers"].append((b"cookie", b"; ".join(filter(_OUR_COOKIE.fullmatch, cookies))))
        await self.app(scope, receive, send)
