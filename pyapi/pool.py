"""Connections to the database for API, dashboard and worker: pooled, in autocommit, replaced when they break."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from pyapi.database_url import connection_options
from pyapi.queries import QUERIES

Pool = AsyncConnectionPool[AsyncConnection[Any]]


def make_pool(database_url: str, name: str, *, max_size: int, timeout: float) -> Pool:
    """A pool that is not open yet; it opens, and stays open, whether or not the database answers.

    Args:
        database_url: as which role, and where; of several hosts the one that takes writes, where it asks for that
            by ``target_session_attrs=read-write``.
        name: what connects, as pg_stat_activity shows it: ``broadcast-manager NAME``.
        max_size: connections at most.
        timeout: seconds to wait for a connection.
    """

    async def check(conn: AsyncConnection[Any]) -> None:
        try:
            await AsyncConnectionPool.check_connection(conn)
        except psycopg.Error:
            # Where one has gone all may have; looked at one by one, each would cost a caller a growing pause.
            await pool.check()
            raise

    async def configure(conn: AsyncConnection[Any]) -> None:
        await conn.execute(QUERIES["session_settings"])

    pool: Pool = AsyncConnectionPool(
        database_url,
        kwargs=connection_options(database_url, name),
        min_size=1,
        max_size=max_size,
        timeout=timeout,
        # The pauses between attempts double: after a long absence the database would be found late. Who asks
        # next begins anew.
        reconnect_timeout=timeout,
        check=check,
        configure=configure,
        open=False,
        name=name,
    )
    return pool


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
