"""Refuses a body that is too large, whether its length is announced or only seen as it comes."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from pyapi.web.middleware.http import HttpMiddleware

# The largest channel takes some 10 KiB when each character is escaped.
MAX_BODY_BYTES = 64 * 1024


class BodyLimitMiddleware(HttpMiddleware):
    """Raises 413 where the body is read, so that it becomes JSON or a page like any other failure.

    FastAPI's own limit answers in plain text.
    """

    async def on_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a limit to what it can read."""
        announced = Headers(scope=scope).get("content-length", "")
        received = int(announced) if announced.isdecimal() and len(announced) < 20 else 0
        if received <= MAX_BODY_BYTES:
            received = 0

        async def receive_limited() -> Message:
            nonlocal received
            # Before the first part is asked for, too: what was announced as too large is not waited for.
            if received > MAX_BODY_BYTES:
                raise HTTPException(413)
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_limited, send)
