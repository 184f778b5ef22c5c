"""Connections to the database for the API and the dashboard: pooled, in autocommit, replaced when they break."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from pyapi.settings import Settings

Pool = AsyncConnectionPool[AsyncConnection[Any]]

_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    "application_name": "broadcast-manager api",
    # A connection pooler in transaction mode knows no prepared statement of another transaction.
    "prepare_threshold": None,
    # Seconds, and milliseconds for the last: a server that vanished without a word is noticed.
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "tcp_user_timeout": 10_000,
}


def make_pool(settings: Settings) -> Pool:
    """A pool that is not open yet; it opens, and stays open, whether or not the database answers."""
    return AsyncConnectionPool(
        settings.database_url,
        kwargs=_CONNECTION,
        min_size=1,
        max_size=settings.pool_max_size,
        timeout=settings.pool_timeout,
        check=AsyncConnectionPool.check_connection,
        open=False,
        name="api",
    )


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[AsyncConnection[Any]]:
    """A connection of the pool for a moment.

    Raises:
        psycopg_pool.PoolTimeout: none was to be had in time.
    """
    async with pool.connection() as conn:
        try:
            yield conn
        except psycopg.errors.ReadOnlySqlTransaction:
            # A server that a failover has left behind: the next connection finds the new one.
            await conn.close()
            raise
