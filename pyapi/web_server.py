"""Runs the application under uvicorn, so that it stops at once even while dashboards are open."""

import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

# For answers that are still on their way when the server is told to stop.
_GRACE_SECONDS = 5


class WebServer(uvicorn.Server):
    """A uvicorn server of an application made by create_app().

    uvicorn waits for open connections before it ends the application's lifespan, and a dashboard's
    event stream stays open for hours: the streams are ended first.
    """

    def __init__(self, app: FastAPI, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then tell; signals have reached this server for a while by now."""
        await super().startup(sockets)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, then stop as uvicorn does."""
        changes = getattr(self._app.state, "changes", None)
        if changes is not None:
            changes.close()
        await super().shutdown(sockets)


def web_server(app: FastAPI, *, log_level: str = "info", on_started: Callable[[], None] = lambda: None) -> WebServer:
    """The server for the application; ``run(sockets=[…])`` serves until SIGINT or SIGTERM.

    Args:
        app: what create_app() gave.
        log_level: uvicorn's, for its log of requests and errors.
        on_started: called once it serves, and is stopped by a signal.
    """
    # Tokens are in cookies and headers, never in a URL, so that the access log holds none.
    config = uvicorn.Config(app, log_level=log_level, timeout_graceful_shutdown=_GRACE_SECONDS)
    return WebServer(app, config, on_started)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there already, so that a taken port is told before anything else starts.

    Args:
        host: a name or address of this machine.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named: without it each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener
