"""Each HTTP request: its id, how it ended and how long it took, for the metrics and the log at level debug."""

import re
import time
from urllib.parse import quote
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from pyapi.log_events import milliseconds_since
from pyapi.metrics import REQUEST_SECONDS
from pyapi.web.middleware.http import HttpMiddleware

_HEADER = "X-Request-ID"
_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

log = structlog.get_logger()


class RequestLog(HttpMiddleware):
    """Goes around the whole application, so that what nobody expected is told as well.

    Every line that is logged on behalf of a request carries its request_id: the X-Request-ID that came with it, if
    that is of 1 to 64 letters, digits, dots, dashes and underscores, or else a new one. The answer carries it too.
    """

    async def on_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; tell of it when it has ended."""
        began = time.monotonic()
        given = Headers(scope=scope).get(_HEADER, "")
        request_id = given if _ACCEPTED_ID.fullmatch(given) else uuid4().hex
        # A pipelined request is begun by the one before it, and would inherit what is known of that.
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        # As nginx notes a client that went away before it was answered.
        status = 499

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[_HEADER] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            REQUEST_SECONDS.labels(method, _route(scope), status).observe(time.monotonic() - began)
            log.debug(
                "request.done",
                method=method,
                path=path_for_log(scope["path"]),
                status=status,
                duration_ms=milliseconds_since(began),
                address=scope["client"][0] if scope["client"] else None,
            )


def path_for_log(path: str) -> str:
    """A path as it may stand in a line: no longer than any of ours, and of printable ASCII only."""
    return quote(path)[:200]


def _route(scope: Scope) -> str:
    # Never the path itself: anyone can ask for any, and each would be a time series of its own.
    route = scope.get("route")
    if route is None:
        return "other"
    # A route knows the prefix of its own router, not the one that create_app() adds.
    return f"/api{route.path}" if scope["path"].startswith("/api/") else str(route.path)
