"""Listens to the database's notifications, and connects again whenever the connection is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import structlog
from psycopg import AsyncConnection
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pyapi.database_url import connection_options
from pyapi.logs import retry_logged
from pyapi.queries import QUERIES

# Shorter than a failover takes, so that it is noticed soon.
_LONGEST_PAUSE = 5

log = structlog.get_logger()


@asynccontextmanager
async def listening(
    database_url: str, listener: str, query: str, on_notification: Callable[[str | None], None]
) -> AsyncIterator[None]:
    """Listen while the context lasts; an unreachable database is tried again and again.

    Args:
        database_url: every role may listen. A pooler in transaction mode passes no notifications on.
        listener: what connects, as pg_stat_activity shows it: ``broadcast-manager LISTENER``.
        query: the LISTEN, by the name of its query.
        on_notification: called with each notification's payload, and with None whenever some may have been missed: at
            the start, and after each lost connection.
    """
    task = asyncio.create_task(_listen(database_url, listener, query, on_notification))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen(database_url: str, listener: str, query: str, on_notification: Callable[[str | None], None]) -> None:
    retrying = AsyncRetrying(
        retry=retry_if_exception_type((psycopg.Error, OSError)),
        wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE),
        before_sleep=retry_logged("notifications.waiting", listener=listener),
    )
    while True:
        try:
            async with await retrying(_connect, database_url, listener, query) as conn:
                on_notification(None)
                async for notification in conn.notifies():
                    on_notification(notification.payload)
        except psycopg.Error as error:
            log.warning("notifications.lost", listener=listener, reason=type(error).__name__, sqlstate=error.sqlstate)


async def _connect(database_url: str, listener: str, query: str) -> AsyncConnection[Any]:
    conn = await AsyncConnection.connect(database_url, **connection_options(database_url, listener))
    try:
        await conn.execute(QUERIES["session_settings"])
        await conn.execute(QUERIES[query])
    except BaseException:
        await conn.close()
        raise
    return conn
