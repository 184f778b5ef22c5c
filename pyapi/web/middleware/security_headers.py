"""Response headers that keep pages to themselves: nothing from other hosts, nothing inline, nothing kept."""

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from pyapi.web.middleware.http import HttpMiddleware

_STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
# Swagger UI writes style attributes and draws with data URLs.
_DOCS = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
_ASSETS = ("/static/", "/docs/static/")


def add_security_headers(headers: MutableHeaders, path: str) -> None:
    """Add what the response does not bring itself."""
    headers.setdefault("Content-Security-Policy", _DOCS if path == "/docs" else _STRICT)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    # Assets are asked about each time, and are answered with 304.
    headers.setdefault("Cache-Control", "no-cache" if path.startswith(_ASSETS) else "no-store")


class SecurityHeaders(HttpMiddleware):
    """ASGI middleware that adds them to each response."""

    async def on_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and add the headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                add_security_headers(MutableHeaders(scope=message), str(scope["path"]))
            await send(message)

        await self.app(scope, receive, send_with_headers)
