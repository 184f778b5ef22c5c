"""Runs the application under uvicorn, so that it stops at once even while dashboards are open, and waits for nobody."""

import asyncio
import gc
import logging
import resource
import socket
from collections.abc import Callable

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

# For answers that are still on their way when the server is told to stop.
_GRACE_SECONDS = 5
# For a request to arrive whole, from its first octet or from the connection's beginning.
_REQUEST_SECONDS = 20.0
# For a client to make room, once more lies ready for it than buffers hold.
_READ_SECONDS = 60.0
# Octets taken from one client between two looks at the others: each may be a chunk of a body, and cost like one.
_READ_AT_ONCE = 8192
# Connections that wait to be accepted, and how many of them are between two looks at the others.
_BACKLOG, _ACCEPTED_AT_ONCE = 2048, 16
# Files open at once, where the system lets the process have so many: a dashboard is one.
_FILES = 65536

# uvicorn warns of what clients do wrong, without saying who; failures of ours are errors.
_log = logging.getLogger("uvicorn.error.protocol")
_log.setLevel(logging.ERROR)


class _Impatient(H11Protocol):
    """Hangs up on who does not send a whole request in time, or does not read; uvicorn itself waits for ever."""

    _patience: asyncio.TimerHandle | None = None
    _until_read: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn does the same
        super().connection_made(transport)
        self.logger = _log
        # asyncio's own: 256 KiB, in which 40,000 chunks stall everybody for a second.
        transport.max_size = _READ_AT_ONCE  # type: ignore[attr-defined]
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # From here on uvicorn's own limit counts, until something comes.
        self._unset_patience()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_patience()
        self._unset_until_read()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._until_read = self.loop.call_later(_READ_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unset_until_read()

    def _unset_until_read(self) -> None:
        if self._until_read is not None:
            self._until_read.cancel()
            self._until_read = None

    def _should_upgrade(self) -> bool:
        # There is nothing to change to.
        return False

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._unset_patience()
        elif self._patience is None:
            self._patience = self.loop.call_later(_REQUEST_SECONDS, self.transport.abort)

    def _unset_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


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
        _raise_file_limit()
        await super().startup(sockets)
        # asyncio listened anew with its own number, which it also takes for how many to accept at once.
        for listener in sockets or ():
            listener.listen(_BACKLOG)
        # A full collection looks at all open dashboards while everybody waits: seldom, and not at what is there by now.
        gc.collect()
        gc.freeze()
        gc.set_threshold(700, 10, 100)
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the event streams, have rounds of delivery end, then stop as uvicorn does."""
        self._app.state.stopping.set()
        changes = getattr(self._app.state, "changes", None)
        if changes is not None:
            changes.close()
        await super().shutdown(sockets)


def web_server(app: FastAPI, *, on_started: Callable[[], None] = lambda: None) -> WebServer:
    """The server for the application; ``run(sockets=[…])`` serves until SIGINT or SIGTERM.

    Args:
        app: what create_app() gave.
        on_started: called once it serves, and is stopped by a signal.
    """
    # Requests are logged by RequestLog; what uvicorn has to say goes where pyapi.logs sends it.
    config = uvicorn.Config(
        app,
        http=_Impatient,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        backlog=_ACCEPTED_AT_ONCE,
    )
    return WebServer(app, config, on_started)


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there already, so that a taken port is told before anything else starts.

    Args:
        host: a name or address of this machine.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken, or the address is not this machine's.
        UnicodeError: the host can be no machine's name.
    """
    # Told here, since sockets tell it by errors of several kinds.
    host.encode("idna")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named: without it each answer takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
