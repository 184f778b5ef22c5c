"""What our middleware share: each looks at HTTP requests alone."""

from abc import ABC, abstractmethod

from starlette.types import ASGIApp, Receive, Scope, Send


class HttpMiddleware(ABC):
    """Passes on what is no HTTP request, such as the start and the end of the application.

    Args:
        app: what is called with the request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request by on_request()."""
        await (self.on_request if scope["type"] == "http" else self.app)(scope, receive, send)

    @abstractmethod
    async def on_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the middleware does with a request."""
