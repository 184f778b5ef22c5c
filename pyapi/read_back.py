"""Register a channel and read its broadcast_id back.

The row in broadcast_manager is the database's work (sql/rule/create_broadcast_rows.trigger.sql);
nothing here writes that table. The connection is the caller's, and so is the transaction: nothing
here commits or rolls back, but for an autocommit connection outside of one, where an INSERT commits.
The functions take a psycopg connection, a SQLAlchemy connection or session, or an async psycopg
connection, for which they return what is to be awaited.
"""

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, overload
from uuid import UUID

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import scalar_row

from pyapi.channel import Channel
from pyapi.errors import BroadcastNotFound
from pyapi.log_events import EventLogger, failures_logged, milliseconds_since
from pyapi.queries import QUERIES, sqlalchemy_query

if TYPE_CHECKING:
    import sqlalchemy
    from sqlalchemy.orm import Session

log = EventLogger(__name__)

SyncConnection: TypeAlias = "Connection[Any] | sqlalchemy.Connection | Session"


@overload
def read_broadcast_id(conn: SyncConnection, open_channel_id: str, closed_channel_id: str) -> UUID: ...
@overload
def read_broadcast_id(conn: AsyncConnection[Any], open_channel_id: str, closed_channel_id: str) -> Awaitable[UUID]: ...
def read_broadcast_id(
    conn: "SyncConnection | AsyncConnection[Any]", open_channel_id: str, closed_channel_id: str
) -> UUID | Awaitable[UUID]:
    """Read the broadcast_id of a channel pair.

    Args:
        conn: the caller's connection or session; to be awaited when it is async.
        open_channel_id: Telegram id of the open channel.
        closed_channel_id: Telegram id of the closed channel.

    Raises:
        BroadcastNotFound: the pair has no broadcast row that this transaction can see.
        TypeError: conn is nothing of the above.
    """
    pair = {"open_channel_id": open_channel_id, "closed_channel_id": closed_channel_id}
    if isinstance(conn, AsyncConnection):
        return _read_async(conn, pair)
    if isinstance(conn, Connection):
        return _read(conn, pair)
    return _read_sqlalchemy(_sqlalchemy_connection(conn), pair)


@overload
def insert_channel(conn: SyncConnection, channel: Channel) -> UUID: ...
@overload
def insert_channel(conn: AsyncConnection[Any], channel: Channel) -> Awaitable[UUID]: ...
def insert_channel(conn: "SyncConnection | AsyncConnection[Any]", channel: Channel) -> UUID | Awaitable[UUID]:
    """Insert a channel and return the broadcast_id that the database gave it.

    On a psycopg connection INSERT and read-back are one round trip (a BEGIN that psycopg has to
    send first is its own). They join a pipeline of the caller's and leave the Sync to the caller;
    after an error it is aborted until that Sync. A session flushes first if it has autoflush. The
    rule's deferred key speaks at COMMIT: put typed_errors() around yours.

    Args:
        conn: the caller's connection or session; to be awaited when it is async.
        channel: the row to insert.

    Raises:
        ChannelPairTaken: the pair is registered already.
        ChannelOwnerUnknown: client_id is no registered user.
        ChannelIncomplete: a column that must have a value has none.
        ChannelInvalid: a value does not fit its column.
        BroadcastMissing: the rule refused a channel without a row: on an autocommit connection, or
            after SET CONSTRAINTS ALL IMMEDIATE.
        BroadcastNotFound: the trigger created no row; roll back.
        TypeError: conn is nothing of the above.
    """
    if isinstance(conn, AsyncConnection):
        return _insert_async(conn, channel)
    if isinstance(conn, Connection):
        return _insert(conn, channel)
    return _insert_sqlalchemy(_sqlalchemy_connection(conn), channel)


def _read(conn: Connection[Any], pair: dict[str, str]) -> UUID:
    with _reading_back(pair) as read_back:
        cursor = Cursor(conn, row_factory=scalar_row)
        return read_back(cursor.execute(QUERIES["read_broadcast_id"], pair).fetchone())


async def _read_async(conn: AsyncConnection[Any], pair: dict[str, str]) -> UUID:
    with _reading_back(pair) as read_back:
        cursor = AsyncCursor(conn, row_factory=scalar_row)
        await cursor.execute(QUERIES["read_broadcast_id"], pair)
        return read_back(await cursor.fetchone())


def _insert(conn: Connection[Any], channel: Channel) -> UUID:
    pair = _pair(channel)
    with _inserting(channel, pair) as created:
        read = Cursor(conn, row_factory=scalar_row)
        with _one_round_trip(conn):
            Cursor(conn).execute(QUERIES["insert_channel"], {"channel": channel.as_json()})
            # Not prepared: where the INSERT fails, the server skips a PREPARE that psycopg takes for done.
            read.execute(QUERIES["read_broadcast_id"], pair, prepare=False)
        # Not inside: a fetch there would cost a round trip of its own before the closing Sync.
        return created(read.fetchone())


async def _insert_async(conn: AsyncConnection[Any], channel: Channel) -> UUID:
    pair = _pair(channel)
    with _inserting(channel, pair) as created:
        read = AsyncCursor(conn, row_factory=scalar_row)
        async with _one_round_trip_async(conn):
            await AsyncCursor(conn).execute(QUERIES["insert_channel"], {"channel": channel.as_json()})
            await read.execute(QUERIES["read_broadcast_id"], pair, prepare=False)
        return created(await read.fetchone())


def _read_sqlalchemy(conn: "sqlalchemy.Connection", pair: dict[str, str]) -> UUID:
    with _reading_back(pair) as read_back:
        return read_back(conn.scalar(sqlalchemy_query("read_broadcast_id"), pair))


def _insert_sqlalchemy(conn: "sqlalchemy.Connection", channel: Channel) -> UUID:
    pair = _pair(channel)
    with _inserting(channel, pair) as created:
        conn.execute(sqlalchemy_query("insert_channel"), {"channel": channel.as_json()})
        return created(conn.scalar(sqlalchemy_query("read_broadcast_id"), pair))


def _sqlalchemy_connection(conn: "sqlalchemy.Connection | Session") -> "sqlalchemy.Connection":
    # Who hands over a connection of SQLAlchemy's has imported it; nobody else needs it.
    if "sqlalchemy" in sys.modules:
        from sqlalchemy import Connection as SQLAlchemyConnection
        from sqlalchemy.orm import Session

        if isinstance(conn, Session):
            # As the session does before queries of its own: an owner just added is meant to count.
            if conn.autoflush:
                conn.flush()
            return conn.connection()
        if isinstance(conn, SQLAlchemyConnection):
            return conn
    raise TypeError(f"not a psycopg or SQLAlchemy connection or session: {type(conn).__name__}")


@contextmanager
def _one_round_trip(conn: Connection[Any]) -> Iterator[None]:
    if _in_pipeline(conn):
        yield
        return
    alone = _autocommits(conn)
    try:
        with conn.pipeline():
            if alone:
                Cursor(conn).execute("BEGIN")
            yield
            if alone:
                Cursor(conn).execute("COMMIT")
    finally:
        if alone and _transaction_is_open(conn):
            conn.rollback()


@asynccontextmanager
async def _one_round_trip_async(conn: AsyncConnection[Any]) -> AsyncIterator[None]:
    if _in_pipeline(conn):
        yield
        return
    alone = _autocommits(conn)
    try:
        async with conn.pipeline():
            if alone:
                await AsyncCursor(conn).execute("BEGIN")
            yield
            if alone:
                await AsyncCursor(conn).execute("COMMIT")
    finally:
        if alone and _transaction_is_open(conn):
            await conn.rollback()


def _in_pipeline(conn: Connection[Any] | AsyncConnection[Any]) -> bool:
    # A pipeline nested in the caller's would send a Sync, which commits if autocommit is on.
    return conn.pgconn.pipeline_status != PipelineStatus.OFF


def _autocommits(conn: Connection[Any] | AsyncConnection[Any]) -> bool:
    # Then BEGIN and COMMIT are sent along: libpq can not recover from an error of the commit that a
    # Sync implies, and that is where the deferred key would speak.
    return conn.autocommit and conn.info.transaction_status == TransactionStatus.IDLE


def _transaction_is_open(conn: Connection[Any] | AsyncConnection[Any]) -> bool:
    return conn.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR)


def _pair(channel: Channel) -> dict[str, str]:
    return {
        "open_channel_id": channel.open_channel_id,
        "closed_channel_id": channel.closed_channel_id,
    }


@contextmanager
def _reading_back(pair: dict[str, str]) -> Iterator[Callable[[object], UUID]]:
    """Raise refusals typed, and log them; gives what makes a UUID of what was read, and logs that."""
    about, began = log.bind(**pair), time.monotonic()

    def read_back(value: object) -> UUID:
        broadcast_id = _found(value, pair)
        about.info("broadcast.read_back", broadcast_id=str(broadcast_id), duration_ms=milliseconds_since(began))
        return broadcast_id

    with failures_logged(about, "read_back"):
        yield read_back


@contextmanager
def _inserting(channel: Channel, pair: dict[str, str]) -> Iterator[Callable[[object], UUID]]:
    """As _reading_back(), where the row was made just now."""
    about, began = log.bind(**pair, client_id=str(channel.client_id)), time.monotonic()

    def created(value: object) -> UUID:
        broadcast_id = _found(value, pair)
        about.info("broadcast.created", broadcast_id=str(broadcast_id), count=1, duration_ms=milliseconds_since(began))
        return broadcast_id

    with failures_logged(about, "insert"):
        yield created


def _found(broadcast_id: object, pair: dict[str, str]) -> UUID:
    if broadcast_id is None:
        raise BroadcastNotFound(
            "no broadcast row for the pair ({open_channel_id}, {closed_channel_id})".format(**pair),
            table="broadcast_manager",
        )
    # The caller's loaders may give text.
    return broadcast_id if isinstance(broadcast_id, UUID) else UUID(str(broadcast_id))
