"""Tells a browser which channel changed; it then asks for that card, or for the list where it may be any."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import UUID

import psycopg
from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from pyapi.pool import connection
from pyapi.queries import QUERIES
from pyapi.web.dashboard.sessions import SignedIn, seconds_left
from pyapi.web.dashboard.state import changes_of

router = APIRouter(include_in_schema=False)

# The database tells of a client for two minutes from each call of watch_client().
_WATCH_SECONDS = 60


@router.get("/events", response_class=EventSourceResponse)
async def events(request: Request, session: SignedIn) -> AsyncIterator[ServerSentEvent]:
    """One event ``changed`` for each of the client's channels that changes, until the session ends or the user is gone.

    Its data are the channel's two ids with a space between, or empty: any may have changed. The first is empty and
    comes at once, since nobody has told of what happened before. Once a minute there is such a one in any case: for
    changes that were under way when the watch began, and for servers that send no notifications (two-phase commit, a
    pooler in between).
    """
    client_id = session.user.user_id
    with changes_of(request).watching(client_id) as watcher, suppress(TimeoutError):
        async with asyncio.timeout(seconds_left(session)):
            channels = [""]
            # Anew each time: a crash or a failover empties the unlogged table of those who watch.
            while channels and await _may_watch(request, client_id):
                for channel in channels:
                    yield ServerSentEvent(event="changed", raw_data=channel)
                channels = [""]
                with suppress(TimeoutError):
                    async with asyncio.timeout(_WATCH_SECONDS):
                        channels = await watcher.changed()


async def _may_watch(request: Request, client_id: UUID) -> bool:
    """Watch on; False when the user was deleted or switched off."""
    try:
        async with changes_of(request).turns, connection(request.app.state.pool) as conn:
            watching = await conn.execute(QUERIES["watch_client"], {"client_id": client_id})
            return await watching.fetchone() is not None
    except psycopg.Error:
        # Without the database there is nothing to tell; the next round asks again.
        return True
