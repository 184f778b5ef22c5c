"""The thin Python layer on a real database: ids, transactions, and typed refusals."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, LiteralString, TypeAlias, cast
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Trace, TransactionStatus
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader
from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, registry, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

from pyapi import (
    BroadcastMissing,
    BroadcastNotFound,
    BroadcastRuleBroken,
    Channel,
    ChannelError,
    ChannelIncomplete,
    ChannelInvalid,
    ChannelOwnerUnknown,
    ChannelPairTaken,
    RuleError,
    insert_channel,
    read_broadcast_id,
    sqlalchemy_url,
    typed_errors,
)
from tools.databases import add_channel, add_user, connect, new_channel

PAIR_ID = "SELECT id FROM broadcast_manager WHERE open_channel_id = %s AND closed_channel_id = %s"
DISABLE = "ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows"


@pytest.fixture
def watcher(conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """A second connection, in autocommit, as the tables' owner."""
    return conn


@pytest.fixture
def channel(watcher: psycopg.Connection[Any]) -> Channel:
    """A channel that is not yet inserted, of a user who is."""
    return replace(
        new_channel(add_user(watcher)),
        open_channel_title="Daily 📢 news",
        closed_channel_donation_message="Support us, it's 100% worth it: :open %(x)s",
        sub_1_price=Decimal("9.90"),
    )


def engine(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(sqlalchemy_url(url), poolclass=NullPool)


def stored_id(watcher: psycopg.Connection[Any], channel: Channel) -> UUID | None:
    """The id that another connection sees, None before a commit."""
    row = watcher.execute(PAIR_ID, (channel.open_channel_id, channel.closed_channel_id)).fetchone()
    return cast(UUID, row[0]) if row else None


def pair_of(channel: Channel) -> tuple[str, str]:
    return channel.open_channel_id, channel.closed_channel_id


# Each kind of connection: the id by insert, the id by reading back, then COMMIT or ROLLBACK.

Ids = tuple[UUID, UUID]


def by_psycopg(url: str, channel: Channel, commit: bool) -> Ids:
    with psycopg.connect(url) as conn:
        ids = insert_channel(conn, channel), read_broadcast_id(conn, *pair_of(channel))
        assert conn.info.transaction_status == TransactionStatus.INTRANS
        conn.commit() if commit else conn.rollback()
    return ids


def by_async_psycopg(url: str, channel: Channel, commit: bool) -> Ids:
    async def run() -> Ids:
        async with await psycopg.AsyncConnection.connect(url) as conn:
            inserted = await insert_channel(conn, channel)
            ids = inserted, await read_broadcast_id(conn, *pair_of(channel))
            assert conn.info.transaction_status == TransactionStatus.INTRANS
            await (conn.commit() if commit else conn.rollback())
        return ids

    return asyncio.run(run())


def by_sqlalchemy(url: str, channel: Channel, commit: bool) -> Ids:
    with engine(url).connect() as conn:
        ids = insert_channel(conn, channel), read_broadcast_id(conn, *pair_of(channel))
        assert conn.in_transaction()
        conn.commit() if commit else conn.rollback()
    return ids


def by_session(url: str, channel: Channel, commit: bool) -> Ids:
    with Session(engine(url)) as session:
        ids = insert_channel(session, channel), read_broadcast_id(session, *pair_of(channel))
        assert session.in_transaction()
        session.commit() if commit else session.rollback()
    return ids


def by_scoped_session(url: str, channel: Channel, commit: bool) -> Ids:
    session = scoped_session(sessionmaker(engine(url)))
    ids = insert_channel(session, channel), read_broadcast_id(session, *pair_of(channel))
    session.commit() if commit else session.rollback()
    session.remove()
    return ids


AsyncOfSqlalchemy: TypeAlias = "AsyncConnection | AsyncSession | async_scoped_session[AsyncSession]"
OpenAsync: TypeAlias = Callable[[str], AbstractAsyncContextManager[AsyncOfSqlalchemy]]


@asynccontextmanager
async def async_connection(url: str) -> AsyncIterator[AsyncOfSqlalchemy]:
    async with create_async_engine(sqlalchemy_url(url), poolclass=NullPool).connect() as conn:
        yield conn


@asynccontextmanager
async def async_session(url: str) -> AsyncIterator[AsyncOfSqlalchemy]:
    async with AsyncSession(create_async_engine(sqlalchemy_url(url), poolclass=NullPool)) as session:
        yield session


@asynccontextmanager
async def async_session_of_asyncpg(url: str) -> AsyncIterator[AsyncOfSqlalchemy]:
    def connect_args(url: str) -> dict[str, Any]:
        said = conninfo_to_dict(url)
        return {name: said[key] for name, key in ASYNCPG.items() if key in said}

    made = create_async_engine("postgresql+asyncpg://", connect_args=connect_args(url), poolclass=NullPool)
    async with AsyncSession(made) as session:
        yield session


@asynccontextmanager
async def async_session_of_the_task(url: str) -> AsyncIterator[AsyncOfSqlalchemy]:
    made = create_async_engine(sqlalchemy_url(url), poolclass=NullPool)
    session = async_scoped_session(async_sessionmaker(made), asyncio.current_task)
    yield session
    await session.remove()


ASYNCPG = {"host": "host", "port": "port", "user": "user", "password": "password", "database": "dbname"}
OPEN_ASYNC: list[OpenAsync] = [
    async_connection,
    async_session,
    async_session_of_asyncpg,
    async_session_of_the_task,
]


def by_async_sqlalchemy(open_async: OpenAsync) -> "Way":
    def way(url: str, channel: Channel, commit: bool) -> Ids:
        async def run() -> Ids:
            async with open_async(url) as conn:
                ids = await insert_channel(conn, channel), await read_broadcast_id(conn, *pair_of(channel))
                await (conn.commit() if commit else conn.rollback())
            return ids

        return asyncio.run(run())

    way.__name__ = open_async.__name__
    return way


Way = Callable[[str, Channel, bool], Ids]
WAYS = pytest.mark.parametrize(
    "way",
    [
        by_psycopg,
        by_async_psycopg,
        by_sqlalchemy,
        by_session,
        by_scoped_session,
        *(by_async_sqlalchemy(o) for o in OPEN_ASYNC),
    ],
)


@WAYS
def test_the_id_comes_back_and_stays(
    way: Way, database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    inserted, read = way(database, channel, True)
    assert type(inserted) is type(read) is UUID
    assert inserted == read == stored_id(watcher, channel)


@WAYS
def test_nothing_is_committed_behind_the_callers_back(
    way: Way, database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    way(database, channel, False)
    left = watcher.execute("SELECT count(*) FROM main_clients_database").fetchone()
    assert (left, stored_id(watcher, channel)) == ((0,), None)


def test_autocommit_commits_the_pair_at_once(database: str, watcher: psycopg.Connection[Any], channel: Channel) -> None:
    with connect(database) as conn:
        assert insert_channel(conn, channel) == stored_id(watcher, channel)
        assert conn.info.transaction_status == TransactionStatus.IDLE


def test_values_arrive_unchanged(watcher: psycopg.Connection[Any], channel: Channel) -> None:
    insert_channel(watcher, replace(channel, sub_2_price=Decimal("0.10"), sub_2_time=7))
    row = watcher.execute(
        "SELECT open_channel_title, closed_channel_donation_message, sub_1_price::text,"
        " sub_2_price::text, sub_3_price, payout_strategy, notification_status, client_id"
        " FROM main_clients_database"
    ).fetchone()
    assert row == (
        channel.open_channel_title,
        channel.closed_channel_donation_message,
        "9.90",
        "0.10",
        None,
        "instant",
        False,
        channel.client_id,
    )


def test_enum_columns_are_served_as_text_columns_are(watcher: psycopg.Connection[Any], channel: Channel) -> None:
    watcher.execute("CREATE TYPE currency_type AS ENUM ('USDT', 'BTC')")
    watcher.execute(
        "ALTER TABLE main_clients_database"
        " ALTER client_payout_currency TYPE currency_type"
        " USING client_payout_currency::text::currency_type"
    )
    assert insert_channel(watcher, channel) == stored_id(watcher, channel)
    with pytest.raises(ChannelInvalid):
        insert_channel(watcher, replace(channel, client_payout_currency="no currency"))


def test_a_session_counts_in_what_it_has_not_flushed(database: str, channel: Channel) -> None:
    class User:
        def __init__(self, user_id: UUID) -> None:
            self.user_id = user_id
            self.username, self.email, self.password_hash = "new", "new@example.org", "-"

    with Session(engine(database)) as session:
        users = sqlalchemy.Table("registered_users", sqlalchemy.MetaData(), autoload_with=session.connection())
        registry().map_imperatively(User, users)
        session.add(User(user_id := uuid4()))
        assert insert_channel(session, replace(channel, client_id=user_id))


# The wire


def messages(file: Path) -> list[tuple[str, str]]:
    """Direction and kind of each message in a trace of libpq's."""
    lines = (line.split("\t") for line in file.read_text().splitlines())
    return [(parts[0], parts[2].strip()) for parts in lines if parts[0] in ("F", "B")]


def traced(conn: psycopg.Connection[Any], file: Path, call: Callable[[], object]) -> None:
    with file.open("w") as out:
        conn.pgconn.trace(out.fileno())
        conn.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        call()
        conn.pgconn.untrace()


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("times_before", [1, 7])
def test_insert_and_read_back_are_one_round_trip(
    database: str, channel: Channel, tmp_path: Path, autocommit: bool, times_before: int
) -> None:
    """Also when psycopg has come to prepare the statements; its own BEGIN was sent before."""
    with psycopg.connect(database, autocommit=autocommit) as conn:
        for n in range(times_before):
            insert_channel(conn, replace(channel, open_channel_id=f"-100326856{n:04}"))
        traced(conn, tmp_path / "trace", lambda: insert_channel(conn, channel))
    sent = messages(tmp_path / "trace")
    assert sent.count(("F", "Sync")) == 1
    assert sent.count(("B", "ReadyForQuery")) == 1
    assert sent.index(("F", "Sync")) < [direction for direction, _ in sent].index("B")


def test_a_pipeline_of_the_caller_is_joined_without_a_sync(
    database: str, watcher: psycopg.Connection[Any], channel: Channel, tmp_path: Path
) -> None:
    """On an autocommit connection a Sync would commit what the caller sent before."""
    second = replace(channel, open_channel_id="-1003268562226")
    with connect(database) as conn, conn.pipeline() as pipeline:
        traced(conn, tmp_path / "trace", lambda: insert_channel(conn, channel))
        assert stored_id(watcher, channel) is None
        assert insert_channel(conn, second) == read_broadcast_id(conn, *pair_of(second))
        pipeline.sync()
        assert stored_id(watcher, channel) is not None
    assert ("F", "Sync") not in messages(tmp_path / "trace")


def test_an_error_in_the_callers_pipeline_undoes_what_is_not_synced(
    database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    with connect(database) as conn, conn.pipeline() as pipeline:
        insert_channel(conn, channel)
        with pytest.raises(ChannelPairTaken):
            insert_channel(conn, channel)
        # How much psycopg had fetched when the error came decides whether the Sync reports it too.
        with suppress(psycopg.errors.PipelineAborted):
            pipeline.sync()
        pipeline.sync()
        assert stored_id(watcher, channel) is None
        insert_channel(conn, channel)
    assert stored_id(watcher, channel) is not None


# The caller's settings


def test_row_factory_loaders_and_cursor_factory_of_the_caller_do_not_matter(database: str, channel: Channel) -> None:
    with psycopg.connect(database, row_factory=dict_row, cursor_factory=psycopg.RawCursor[Any]) as conn:
        conn.adapters.register_loader("uuid", TextLoader)
        broadcast_id = insert_channel(conn, channel)
        assert type(broadcast_id) is UUID
        row = conn.execute(PAIR_ID.replace("%s", "$1", 1).replace("%s", "$2"), pair_of(channel))
        assert row.fetchone() == {"id": str(broadcast_id)}


def test_a_savepoint_of_the_caller_saves_the_transaction(
    database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    with psycopg.connect(database) as conn:
        broadcast_id = insert_channel(conn, channel)
        with pytest.raises(ChannelPairTaken), conn.transaction():
            insert_channel(conn, channel)
        assert conn.info.transaction_status == TransactionStatus.INTRANS
    assert stored_id(watcher, channel) == broadcast_id


# Refusals

NOBODY = UUID("00000000-0000-4000-8000-000000000000")
REFUSALS = pytest.mark.parametrize(
    ("change", "wanted", "column"),
    [
        ({}, ChannelPairTaken, None),
        ({"client_id": NOBODY, "open_channel_id": "-1009999999999"}, ChannelOwnerUnknown, None),
        ({"client_wallet_address": None}, ChannelIncomplete, "client_wallet_address"),
        ({"client_id": None}, ChannelIncomplete, "client_id"),
        ({"closed_channel_id": None}, ChannelIncomplete, "closed_channel_id"),
        ({"client_id": "no uuid"}, ChannelInvalid, "client_id"),
        ({"open_channel_id": "@news"}, ChannelInvalid, "open_channel_id"),
        ({"sub_1_price": Decimal(0)}, ChannelInvalid, "sub_1_price"),
        ({"sub_1_price": Decimal("123456789.00")}, ChannelInvalid, "sub_1_price"),
        ({"payout_threshold_usd": Decimal("1E+200")}, ChannelInvalid, "payout_threshold_usd"),
        ({"sub_2_price": "cheap"}, ChannelInvalid, "sub_2_price"),
        ({"sub_1_time": 40000}, ChannelInvalid, "sub_1_time"),
        ({"notification_id": 2**63}, ChannelInvalid, "notification_id"),
        ({"open_channel_title": "x" * 31}, ChannelInvalid, "open_channel_title"),
        (
            {"closed_channel_description": "x" * 141, "created_by": "x" * 51},
            ChannelInvalid,
            "closed_channel_description",
        ),
        ({"open_channel_title": "\0"}, ChannelInvalid, "open_channel_title"),
        ({"closed_channel_title": "\ud800"}, ChannelInvalid, "closed_channel_title"),
        ({"payout_strategy": "whenever"}, ChannelInvalid, "payout_strategy"),
    ],
)


@pytest.mark.parametrize("change", [{}, {"open_channel_title": "\0"}, {"open_channel_title": "x" * 31}])
def test_refusals_behind_raw_savepoints_do_not_spoil_the_connection(
    database: str, channel: Channel, change: dict[str, Any]
) -> None:
    with connect(database, autocommit=False) as conn:
        insert_channel(conn, channel)
        # As often as psycopg waits before it prepares a statement, and a few more times.
        for _ in range(8):
            conn.execute("SAVEPOINT before")
            with pytest.raises(ChannelError):
                insert_channel(conn, replace(channel, **change))
            conn.execute("ROLLBACK TO SAVEPOINT before")
        other = replace(channel, open_channel_id="-1009999999", closed_channel_id="-1009999998")
        assert insert_channel(conn, other) == read_broadcast_id(conn, "-1009999999", "-1009999998")


def assert_names(error: RuleError, column: str | None) -> None:
    """The error says which column it is about, and begins with it."""
    assert error.column == column
    assert column is None or str(error).startswith(f"{column}: ")


@REFUSALS
@pytest.mark.parametrize("autocommit", [True, False])
def test_refusals_come_typed(
    database: str,
    channel: Channel,
    change: dict[str, Any],
    wanted: type[RuleError],
    column: str | None,
    autocommit: bool,
) -> None:
    with psycopg.connect(database, autocommit=autocommit) as conn:
        insert_channel(conn, channel)
        conn.commit()
        with pytest.raises(wanted) as caught:
            insert_channel(conn, replace(channel, **change))
        assert isinstance(caught.value.__cause__, psycopg.Error)
        assert_names(caught.value, column)
        wanted_status = TransactionStatus.IDLE if autocommit else TransactionStatus.INERROR
        assert conn.info.transaction_status == wanted_status
        conn.rollback()
        assert read_broadcast_id(conn, *pair_of(channel))


@REFUSALS
@pytest.mark.parametrize(
    "way",
    [by_async_psycopg, by_sqlalchemy, by_async_sqlalchemy(async_session_of_asyncpg)],
    ids=lambda way: way.__name__,
)
def test_refusals_come_typed_by_every_driver(
    way: Way, database: str, channel: Channel, change: dict[str, Any], wanted: type[RuleError], column: str | None
) -> None:
    way(database, channel, True)
    with pytest.raises(wanted) as caught:
        way(database, replace(channel, **change), False)
    assert isinstance(caught.value.__cause__, psycopg.Error | sqlalchemy.exc.DBAPIError)
    assert caught.value.sqlstate
    assert_names(caught.value, column)


def test_refusals_in_the_callers_pipeline_name_their_column(database: str, channel: Channel) -> None:
    with connect(database) as conn, conn.pipeline() as pipeline:
        with pytest.raises(ChannelInvalid) as caught:
            insert_channel(conn, replace(channel, created_by="x" * 51))
        assert_names(caught.value, "created_by")
        with suppress(psycopg.errors.PipelineAborted):
            pipeline.sync()
        pipeline.sync()
        assert insert_channel(conn, channel)


@pytest.mark.parametrize(
    ("made", "change", "column"),
    [
        # An adopted table has columns and checks of its own.
        ("ALTER open_channel_title TYPE varchar(60)", {"open_channel_title": "x" * 61}, "open_channel_title"),
        (
            "ALTER open_channel_title TYPE varchar(60)",
            {"open_channel_title": "x" * 60, "closed_channel_title": "x" * 31},
            "closed_channel_title",
        ),
        ("ALTER created_by TYPE char(3)", {"created_by": "four"}, "created_by"),
        ("ALTER sub_1_time TYPE integer", {"sub_1_time": 2**31}, "sub_1_time"),
        ("ALTER client_payout_network TYPE kind USING 'a'", {"client_payout_network": "c"}, "client_payout_network"),
        ("ALTER created_by TYPE short", {"created_by": "xxxx"}, "created_by"),
        ("ALTER created_by TYPE word", {"created_by": ""}, None),
        ("ADD CONSTRAINT cheap CHECK (sub_3_price < 5)", {"sub_3_price": Decimal(6)}, "sub_3_price"),
        ("ADD CONSTRAINT dear CHECK (sub_2_price > sub_1_price)", {"sub_2_price": Decimal(1)}, None),
    ],
)
def test_a_refusal_names_the_column_of_this_very_table(
    watcher: psycopg.Connection[Any], channel: Channel, made: LiteralString, change: dict[str, Any], column: str | None
) -> None:
    watcher.execute(
        "CREATE TYPE kind AS ENUM ('a', 'b'); CREATE DOMAIN short AS varchar(3);"
        " CREATE DOMAIN word AS text CHECK (value <> '')"
    )
    watcher.execute(f"ALTER TABLE main_clients_database {made}")
    channel = replace(channel, client_payout_network="a", created_by="abc")
    with pytest.raises(ChannelInvalid) as caught:
        insert_channel(watcher, replace(channel, **change))
    assert_names(caught.value, column)
    assert insert_channel(watcher, channel)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"open_channel_id": -1003268562225}, "open_channel_id"),
        ({"closed_channel_id": True}, "closed_channel_id"),
        ({"client_id": 5}, "client_id"),
        ({"sub_1_price": object()}, "sub_1_price"),
        ({"sub_2_price": float("nan")}, "sub_2_price"),
        ({"created_by": b"me"}, "created_by"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_before_anything_is_sent(
    database: str, channel: Channel, change: dict[str, Any], column: str
) -> None:
    wrong = replace(channel, **change)

    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            with pytest.raises(ChannelInvalid):
                await insert_channel(conn, wrong)
            assert conn.info.transaction_status == TransactionStatus.IDLE

    asyncio.run(run())
    with psycopg.connect(database) as conn, engine(database).connect() as alchemy:
        for connection in (conn, alchemy):
            with pytest.raises(ChannelInvalid) as caught:
                insert_channel(connection, wrong)
            assert_names(caught.value, column)
            if column.endswith("channel_id"):
                with pytest.raises(ChannelInvalid) as caught:
                    read_broadcast_id(connection, *pair_of(wrong))
                assert_names(caught.value, column)
        assert conn.info.transaction_status == TransactionStatus.IDLE
        assert not alchemy.in_transaction()


def test_an_unknown_pair_is_not_found(database: str) -> None:
    with (
        psycopg.connect(database) as conn,
        engine(database).connect() as alchemy,
        Session(engine(database)) as session,
    ):
        for connection in (conn, alchemy, session):
            with pytest.raises(BroadcastNotFound, match="-1001, -1002") as caught:
                read_broadcast_id(connection, "-1001", "-1002")
            assert caught.value.hint


def test_an_unknown_pair_is_not_found_async(database: str) -> None:
    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            with pytest.raises(BroadcastNotFound, match="-1001, -1002"):
                await read_broadcast_id(conn, "-1001", "-1002")

    asyncio.run(run())


# The rule broken


def test_g4_without_the_trigger_the_callers_commit_is_refused(
    database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    watcher.execute(DISABLE)
    with psycopg.connect(database) as conn:
        with pytest.raises(BroadcastNotFound):
            insert_channel(conn, channel)
        with pytest.raises(BroadcastMissing) as caught, typed_errors():
            conn.commit()
        assert caught.value.constraint == "main_clients_database_pair_fkey"
        assert "create_broadcast_rows" in str(caught.value.hint)
    assert watcher.execute("SELECT count(*) FROM main_clients_database").fetchone() == (0,)


def test_g4_without_the_trigger_a_sessions_commit_is_refused(
    database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    watcher.execute(DISABLE)
    with Session(engine(database)) as session:
        with pytest.raises(BroadcastNotFound):
            insert_channel(session, channel)
        with pytest.raises(BroadcastMissing), typed_errors():
            session.commit()


def test_g4_without_the_trigger_an_async_commit_is_refused(
    database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    watcher.execute(DISABLE)

    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(database) as conn:
            with pytest.raises(BroadcastNotFound):
                await insert_channel(conn, channel)
            with pytest.raises(BroadcastMissing), typed_errors():
                await conn.commit()

    asyncio.run(run())


def test_g4_without_the_trigger_an_autocommit_insert_is_refused(
    database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    watcher.execute(DISABLE)

    async def run() -> None:
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as conn:
            with pytest.raises(BroadcastMissing):
                await insert_channel(conn, channel)

    asyncio.run(run())
    with connect(database) as conn:
        with pytest.raises(BroadcastMissing):
            insert_channel(conn, channel)
        assert conn.info.transaction_status == TransactionStatus.IDLE
        assert conn.execute("SELECT count(*) FROM main_clients_database").fetchone() == (0,)
    with engine(database).connect() as alchemy:
        alchemy = alchemy.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(BroadcastMissing):
            insert_channel(alchemy, channel)
    assert watcher.execute("SELECT count(*) FROM main_clients_database").fetchone() == (0,)


def test_set_constraints_all_immediate_is_refused_with_the_way_out(database: str, channel: Channel) -> None:
    with psycopg.connect(database) as conn:
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(BroadcastMissing) as caught:
            insert_channel(conn, channel)
        assert "SET CONSTRAINTS main_clients_database_pair_fkey DEFERRED" in str(caught.value.hint)
        conn.rollback()
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        conn.execute("SET CONSTRAINTS main_clients_database_pair_fkey DEFERRED")
        assert insert_channel(conn, channel)


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        ("DELETE FROM broadcast_manager", BroadcastMissing),
        ("TRUNCATE broadcast_manager CASCADE", BroadcastRuleBroken),
        ("UPDATE broadcast_manager SET client_id = gen_random_uuid()", BroadcastRuleBroken),
        (
            "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)"
            " VALUES (gen_random_uuid(), '-1009', '-1008')",
            BroadcastRuleBroken,
        ),
    ],
)
def test_g5_refusals_of_other_statements_can_be_typed_too(
    watcher: psycopg.Connection[Any], channel: Channel, statement: str, wanted: type[RuleError]
) -> None:
    add_channel(watcher, channel.client_id)
    with pytest.raises(wanted), typed_errors():
        watcher.execute(statement)


def test_the_layer_needs_only_to_read_broadcast_rows(
    database: str, watcher: psycopg.Connection[Any], channel: Channel
) -> None:
    role = f"thin_{uuid4().hex[:12]}"
    with connect(database) as conn:
        conn.execute(f"CREATE ROLE {role}")
        try:
            conn.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
            conn.execute(f"GRANT SELECT, INSERT ON main_clients_database TO {role}")
            conn.execute(f"GRANT SELECT ON broadcast_manager TO {role}")
            conn.execute(f"GRANT {role} TO CURRENT_USER")
            conn.execute(f"SET ROLE {role}")
            assert insert_channel(conn, channel) == stored_id(watcher, channel)
        finally:
            conn.execute("RESET ROLE")
            conn.execute(f"DROP OWNED BY {role}")
            conn.execute(f"DROP ROLE {role}")
