"""Lets pages of other origins call the API, with credentials: those of the setting, and under /api only."""

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send


class Cors(CORSMiddleware):
    """Starlette's, which tells every origin that credentials are allowed, also one that is not allowed itself.

    Args:
        app: what answers.
        origins: those that may call, as browsers write them.
    """

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=["Retry-After", "X-Request-ID"],
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to what an allowed origin asks of the API."""
        if (
            scope["type"] == "http"
            and scope["path"].startswith("/api/")
            and self.is_allowed_origin(Headers(scope=scope).get("origin", ""))
        ):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)
