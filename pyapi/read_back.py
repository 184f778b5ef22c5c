"""Register a channel and read its broadcast_id back.

The row in broadcast_manager is the database's work (sql/rule/create_broadcast_rows.trigger.sql);
nothing here writes that table. The connection is the caller's, and so is the transaction: nothing
here commits or rolls back, but for an autocommit connection outside of one, where an INSERT commits.
The functions take a connection of psycopg, or a connection or session of SQLAlchemy; for the async
ones of both they return what is to be awaited.
"""

import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias, overload
from uuid import UUID
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection, AsyncCursor, Connection, Cursor
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import scalar_row

from pyapi.channel import Channel
from pyapi.errors import BroadcastNotFound, ChannelInvalid
from pyapi.log_events import EventLogger, failures_logged, milliseconds_since
from pyapi.queries import QUERIES, sqlalchemy_query

if TYPE_CHECKING:
    import sqlalchemy
    from sqlalchemy.ext import asyncio as sqlalchemy_asyncio
    from sqlalchemy.orm import Session, scoped_session

log = EventLogger(__name__)

# What channel_columns said on a connection of psycopg's or an engine of SQLAlchemy's. It is asked once, before the
# first INSERT: after an error in a transaction nothing can be asked any more.
_COLUMNS: WeakKeyDictionary[object, str] = WeakKeyDictionary()

SyncConnection: TypeAlias = "Connection[Any] | sqlalchemy.Connection | Session | scoped_session[Any]"
AsyncAnyConnection: TypeAlias = (
    "AsyncConnection[Any] | sqlalchemy_asyncio.AsyncConnection | sqlalchemy_asyncio.AsyncSession"
    " | sqlalchemy_asyncio.async_scoped_session[Any]"
)


@overload
def read_broadcast_id(conn: SyncConnection, open_channel_id: str, closed_channel_id: str) -> UUID: ...
@overload
def read_broadcast_id(conn: AsyncAnyConnection, open_channel_id: str, closed_channel_id: str) -> Awaitable[UUID]: ...
def read_broadcast_id(
    conn: "SyncConnection | AsyncAnyConnection", open_channel_id: str, closed_channel_id: str
) -> UUID | Awaitable[UUID]:
    """Read the broadcast_id of a channel pair.

    Args:
        conn: the caller's connection or session; to be awaited when it is async.
        open_channel_id: Telegram id of the open channel.
        closed_channel_id: Telegram id of the closed channel.

    Raises:
        BroadcastNotFound: the pair has no broadcast row that this transaction can see.
        ChannelInvalid: an id is no text; nothing was sent.
        TypeError: conn is nothing of the above.
    """
    pair = {"open_channel_id": open_channel_id, "closed_channel_id": closed_channel_id}
    if isinstance(conn, AsyncConnection):
        return _read_async(conn, pair)
    if isinstance(conn, Connection):
        return _read(conn, pair)
    return _with_sqlalchemy(conn, lambda alchemy: _read_sqlalchemy(alchemy, pair))


@overload
def insert_channel(conn: SyncConnection, channel: Channel) -> UUID: ...
@overload
def insert_channel(conn: AsyncAnyConnection, channel: Channel) -> Awaitable[UUID]: ...
def insert_channel(conn: "SyncConnection | AsyncAnyConnection", channel: Channel) -> UUID | Awaitable[UUID]:
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
        ChannelIncomplete: a column that must have a value has none; ``column`` tells which.
        ChannelInvalid: a value does not fit its column, and ``column`` tells which. An id of another
            type than Channel's is refused before anything is sent.
        BroadcastMissing: the rule refused a channel without a row: on an autocommit connection, or
            after SET CONSTRAINTS ALL IMMEDIATE.
        BroadcastNotFound: the trigger created no row; roll back.
        TypeError: conn is nothing of the above.
    """
    if isinstance(conn, AsyncConnection):
        return _insert_async(conn, channel)
    if isinstance(conn, Connection):
        return _insert(conn, channel)
    return _with_sqlalchemy(conn, lambda alchemy: _insert_sqlalchemy(alchemy, channel))


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
    columns = None if conn in _COLUMNS else Cursor(conn)
    with _inserting(channel, pair, lambda: _take_columns(conn, columns)) as created:
        read = Cursor(conn, row_factory=scalar_row)
        row = {"channel": channel.as_json()}
        with _one_round_trip(conn):
            if columns is not None:
                columns.execute(QUERIES["channel_columns"], prepare=False)
            # Not prepared: after an error the server skips a PREPARE that psycopg takes for done.
            Cursor(conn).execute(QUERIES["insert_channel"], row, prepare=False if columns else None)
            read.execute(QUERIES["read_broadcast_id"], pair, prepare=False)
        _keep_columns(conn, columns)
        # Not inside: a fetch there would cost a round trip of its own before the closing Sync.
        return created(read.fetchone())


async def _insert_async(conn: AsyncConnection[Any], channel: Channel) -> UUID:
    pair = _pair(channel)
    columns = None if conn in _COLUMNS else AsyncCursor(conn)
    with _inserting(channel, pair, lambda: _take_columns(conn, columns)) as created:
        read = AsyncCursor(conn, row_factory=scalar_row)
        row = {"channel": channel.as_json()}
        async with _one_round_trip_async(conn):
            if columns is not None:
                await columns.execute(QUERIES["channel_columns"], prepare=False)
            await AsyncCursor(conn).execute(QUERIES["insert_channel"], row, prepare=False if columns else None)
            await read.execute(QUERIES["read_broadcast_id"], pair, prepare=False)
        _keep_columns(conn, columns)
        return created(await read.fetchone())


def _keep_columns(conn: object, cursor: Cursor[Any] | AsyncCursor[Any] | None) -> None:
    if cursor is not None and (said := _received(cursor)) is not None:
        _COLUMNS[conn] = said


def _take_columns(conn: object, cursor: Cursor[Any] | AsyncCursor[Any] | None = None) -> str | None:
    # Taken away: the next INSERT asks anew, since the table may have changed meanwhile.
    _keep_columns(conn, cursor)
    return _COLUMNS.pop(conn, None)


def _received(cursor: Cursor[Any] | AsyncCursor[Any]) -> str | None:
    # Not fetched: after an error in a pipeline nothing more can be asked, but this has come already.
    result = cursor.pgresult
    value = result.get_value(0, 0) if result is not None and result.ntuples else None
    return None if value is None else value.decode()


def _read_sqlalchemy(conn: "sqlalchemy.Connection", pair: dict[str, str]) -> UUID:
    with _reading_back(pair) as read_back:
        return read_back(conn.scalar(sqlalchemy_query("read_broadcast_id"), pair))


def _insert_sqlalchemy(conn: "sqlalchemy.Connection", channel: Channel) -> UUID:
    pair = _pair(channel)
    with _inserting(channel, pair, lambda: _take_columns(conn.engine)) as created:
        row = {"channel": channel.as_json()}
        if conn.engine not in _COLUMNS:
            _COLUMNS[conn.engine] = str(conn.scalar(sqlalchemy_query("channel_columns")))
        conn.execute(sqlalchemy_query("insert_channel"), row)
        return created(conn.scalar(sqlalchemy_query("read_broadcast_id"), pair))


def _with_sqlalchemy(conn: object, work: "Callable[[sqlalchemy.Connection], UUID]") -> UUID | Awaitable[UUID]:
    # Who hands over a connection of SQLAlchemy's has imported it; nobody else needs it.
    if "sqlalchemy.ext.asyncio" in sys.modules:
        from sqlalchemy.ext import asyncio as alchemy_asyncio

        if isinstance(conn, alchemy_asyncio.async_scoped_session):
            conn = conn()
        if isinstance(conn, alchemy_asyncio.AsyncConnection | alchemy_asyncio.AsyncSession):
            return conn.run_sync(lambda inside: work(_sqlalchemy_connection(inside)))
    return work(_sqlalchemy_connection(conn))


def _sqlalchemy_connection(conn: object) -> "sqlalchemy.Connection":
    if "sqlalchemy" in sys.modules:
        from sqlalchemy import Connection as SQLAlchemyConnection
        from sqlalchemy.orm import Session, scoped_session

        if isinstance(conn, scoped_session):
            conn = conn()
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
    # Then BEGIN and COMMIT are sent along: libpq cannot recover from an error of the commit that a
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
        for name, value in pair.items():
            _must_be(name, value, str)
        yield read_back


@contextmanager
def _inserting(
    channel: Channel, pair: dict[str, str], columns: Callable[[], str | None]
) -> Iterator[Callable[[object], UUID]]:
    """As _reading_back(), where the row was made just now; an error of a value tells its column.

    Args:
        channel: the row to insert.
        pair: its two ids.
        columns: gives what channel_columns said, None where that had failed.
    """
    about, began = log.bind(**pair, client_id=str(channel.client_id)), time.monotonic()

    def created(value: object) -> UUID:
        broadcast_id = _found(value, pair)
        about.info("broadcast.created", broadcast_id=str(broadcast_id), count=1, duration_ms=milliseconds_since(began))
        return broadcast_id

    try:
        with failures_logged(about, "insert"):
            # What is missing is the database's to refuse.
            for name, value in pair.items():
                _must_be(name, value, str | None)
            _must_be("client_id", channel.client_id, UUID | str | None)
            yield created
    except ChannelInvalid as error:
        if error.column is None:
            error.column = _wrong_column(error, channel, json.loads(columns() or "{}"))
        raise


def _must_be(column: str, value: object, kind: Any) -> None:
    if not isinstance(value, kind):
        raise ChannelInvalid(f"no id is of type {type(value).__name__}", table="main_clients_database", column=column)


def _wrong_column(error: ChannelInvalid, channel: Channel, columns: Mapping[str, Any]) -> str | None:
    if error.constraint is not None:
        check: str | None = (columns.get("checks") or {}).get(error.constraint)
        return check
    limits = columns.get("columns") or {}
    return next((name for name, value in vars(channel).items() if not _fits(value, limits.get(name) or {})), None)


def _fits(value: object, column: Mapping[str, Any]) -> bool:
    """Whether a column of this type takes the value, as far as the database did not say it by itself."""
    if value is None or isinstance(value, bool):
        return True
    text, modifier = str(value), int(column.get("modifier") or -1) - 4
    if _is_no_text(value):
        return False
    if labels := column.get("labels"):
        return text in labels
    try:
        match column.get("type"):
            case "varchar" | "bpchar":
                return modifier < 0 or len(text.rstrip(" ")) <= modifier
            case "int2" | "int4" | "int8":
                bound = 1 << (8 * int(column["octets"]) - 1)
                return -bound <= int(text) < bound
            case "numeric" if modifier >= 0 and Decimal(text).is_finite():
                digits, scale = modifier >> 16, modifier & 0xFFFF
                return abs(round(Decimal(text), scale)) < Decimal(10) ** (digits - scale)
            case "numeric":
                return Decimal(text).is_nan() or modifier < 0
            case "uuid":
                return bool(UUID(text))
    except (ArithmeticError, ValueError):
        return False
    return True


def _is_no_text(value: object) -> bool:
    # NUL and halves of surrogate pairs, which JSON can write and PostgreSQL can't read.
    return isinstance(value, str) and any(c == "\0" or "\ud800" <= c <= "\udfff" for c in value)


def _found(broadcast_id: object, pair: dict[str, str]) -> UUID:
    if broadcast_id is None:
        raise BroadcastNotFound(
            "no broadcast row for the pair ({open_channel_id}, {closed_channel_id})".format(**pair),
            table="broadcast_manager",
        )
    # The caller's loaders may give text, asyncpg gives a UUID of its own.
    return broadcast_id if type(broadcast_id) is UUID else UUID(str(broadcast_id))
