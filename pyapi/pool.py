"""Connections to the database for API, dashboard and worker: pooled, in autocommit, replaced when they break."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool

from pyapi.queries import QUERIES

Pool = AsyncConnectionPool[AsyncConnection[Any]]

# What a URL says itself goes before this.
_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    # A connection pooler in transaction mode knows no prepared statement of another transaction.
    "prepare_threshold": None,
    # Seconds, and milliseconds for the last: a server that vanished without a word is noticed.
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 10,
    "tcp_user_timeout": 10_000,
}

# A peer that is gone without a word is noticed after some 30 + 3 x 10 seconds.
_LISTENING: dict[str, Any] = {
    "autocommit": True,
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}


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
        open=False,
        name=name,
    )
    return pool


async def listening_connection(database_url: str, name: str, listen: str) -> AsyncConnection[Any]:
    """A connection of its own that waits for notifications. A pooler in transaction mode passes none on.

    Args:
        database_url: every role may listen.
        name: what connects, as pg_stat_activity shows it: ``broadcast-manager NAME``.
        listen: the LISTEN, by the name of its query.

    Raises:
        psycopg.Error: the database did not answer.
    """
    conn = await AsyncConnection.connect(database_url, **_options(database_url, name, _LISTENING))
    try:
        await conn.execute(QUERIES[listen])
    except BaseException:
        await conn.close()
        raise
    return conn


def connection_options(database_url: str, name: str) -> dict[str, Any]:
    """What psycopg's connect() is given beside a URL; what the URL says itself goes before it.

    Args:
        database_url: as make_pool().
        name: as make_pool().
    """
    return _options(database_url, name, _CONNECTION)


def _options(database_url: str, name: str, options: dict[str, Any]) -> dict[str, Any]:
    said = conninfo_to_dict(database_url)
    return {key: value for key, value in options.items() if key not in said} | {
        "application_name": f"broadcast-manager {name}"
    }


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
