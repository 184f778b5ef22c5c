"""Hears what changes in the database and tells the dashboards of this process.

One connection LISTENs for broadcast_manager_changed (sql/watch/notify_watchers.sql), whose payload
is the client's id and, as a rule, the channel's two. Notifications are lost while it is away, so
everyone is told to look again when it is back. Only clients are told of that watch_client() was
called for within two minutes.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import UUID

from pyapi.listen import listening

# So many dashboards ask the database at once: thousands that open, or are told, keep no other request waiting.
_AT_ONCE = 4


# So many channels a dashboard is told of by name; of more, that it is to look at all of them.
_MOST_CHANNELS = 20


class Watcher:
    """What one dashboard waits on: changes of a channel that come while it is busy count as one."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self._closed = False
        self._channels: set[str] = set()
        self._is_everything = False

    def tell(self, channel: str = "") -> None:
        """A channel changed, by its two ids with a space between; empty: any may have."""
        self._channels.add(channel)
        self._is_everything |= not channel or len(self._channels) > _MOST_CHANNELS
        self._changed.set()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._changed.set()

    async def changed(self) -> list[str]:
        """Wait for the next changes: the channels as they were told, one empty text for all; none at the end."""
        await self._changed.wait()
        self._changed.clear()
        told = [""] if self._is_everything else sorted(self._channels)
        self._channels, self._is_everything = set(), False
        return [] if self._closed else told


class Changes:
    """Fans the database's notifications out to those who watch a client's channels.

    Args:
        database_url: where to LISTEN; every role may. A pooler in transaction mode passes no notifications on.
    """

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._watchers: defaultdict[UUID, set[Watcher]] = defaultdict(set)
        self._closed = False
        self.turns = asyncio.Semaphore(_AT_ONCE)
        """What a dashboard's stream holds while it asks the database."""

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
        async with listening(self._database_url, "changes", "listen_for_changes", self._tell):
            try:
                yield
            finally:
                self.close()

    def close(self) -> None:
        """End every watcher's wait, now and from now on: the process is about to stop."""
        self._closed = True
        for watcher in self._everyone():
            watcher.close()

    def _tell(self, payload: str | None) -> None:
        client_id, _, channel = (payload or "").partition(" ")
        try:
            watchers = list(self._watchers.get(UUID(client_id), ()))
        except ValueError:
            watchers, channel = self._everyone(), ""
        for watcher in watchers:
            watcher.tell(channel)

    def _everyone(self) -> list[Watcher]:
        return [watcher for watchers in self._watchers.values() for watcher in watchers]
