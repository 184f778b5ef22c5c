"""Hears what changes in the database and tells the dashboards of this process.

One connection LISTENs for broadcast_manager_changed (sql/watch/notify_watchers.sql), whose payload
is the client's id. Notifications are lost while it is away, so everyone is told to look again when it
is back. Only clients are told of that watch_client() was called for within two minutes.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any
from uuid import UUID

import psycopg
import structlog
from tenacity import RetryCallState, retry, retry_if_exception_type, wait_random_exponential

from pyapi.pool import listening_connection

# Shorter than a failover takes, so that it is noticed soon.
_LONGEST_PAUSE = 5

log = structlog.get_logger()


class Watcher:
    """What one dashboard waits on: changes that come while it is busy count as one."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._closed = False

    def tell(self) -> None:
        """Something changed."""
        self._changed.set()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._changed.set()

    async def changed(self) -> bool:
        """Wait for the next change; False once there will be none."""
        await self._changed.wait()
        self._changed.clear()
        return not self._closed


class Changes:
    """Fans the database's notifications out to those who watch a client's channels.

    Args:
        database_url: where to LISTEN; every role may. A pooler in transaction mode passes no notifications on.
    """

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._watchers: defaultdict[UUID, set[Watcher]] = defaultdict(set)
        self._closed = False

    @contextmanager
    def watching(self, client_id: UUID) -> Iterator[Watcher]:
        """A watcher of one client's channels and broadcasts."""
        watcher = Watcher()
        if self._closed:
            watcher.close()
        self._watchers[client_id].add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[client_id].discard(watcher)
            if not self._watchers[client_id]:
                del self._watchers[client_id]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Listen while the context lasts; an unreachable database is tried again and again."""
        task = asyncio.create_task(self._listen())
        try:
            yield
        finally:
            self.close()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def close(self) -> None:
        """End every watcher's wait, now and from now on: the process is about to stop."""
        self._closed = True
        for watcher in self._everyone():
            watcher.close()

    async def _listen(self) -> None:
        while True:
            conn = await self._connect()
            try:
                async with conn:
                    self._tell(self._everyone())
                    async for notification in conn.notifies():
                        self._tell(self._addressed(notification.payload))
            except psycopg.Error as error:
                log.warning("changes.not_listening", reason=type(error).__name__, sqlstate=error.sqlstate)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        @retry(
            retry=retry_if_exception_type((psycopg.Error, OSError)),
            wait=wait_random_exponential(max=_LONGEST_PAUSE),
            before_sleep=_say_why,
        )
        async def connect() -> psycopg.AsyncConnection[Any]:
            return await listening_connection(self._database_url, "changes", "listen_for_changes")

        return await connect()

    def _addressed(self, payload: str) -> list[Watcher]:
        try:
            client_id = UUID(payload)
        except ValueError:
            return self._everyone()
        return list(self._watchers.get(client_id, ()))

    def _everyone(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]

    @staticmethod
    def _tell(watchers: list[Watcher]) -> None:
        for watcher in watchers:
            watcher.tell()


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("changes.waiting", reason=type(error).__name__, attempt=state.attempt_number)
