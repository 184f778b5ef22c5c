"""The thin layer on a mocked connection: what it asks and gives back; tests/test_thin_layer.py has the real ones."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock, PropertyMock, create_autospec
from uuid import UUID

import psycopg
import pytest
import sqlalchemy
from psycopg.pq import PipelineStatus, TransactionStatus
from sqlalchemy.orm import Session

from pyapi import read_back
from pyapi.channel import Channel
from pyapi.read_back import insert_channel, read_broadcast_id
from tools.databases import new_channel

BROADCAST_ID = UUID("0b6a2c1e-93f5-4a47-9a55-6a1c0c3b7d11")
PAIR = {"open_channel_id": "-1003268562225", "closed_channel_id": "-1003253338212"}
CHANNEL = new_channel(UUID("7e1018e4-5644-4031-a05c-4166cc877264"), ("-1003268562225", "-1003253338212"))


class Mocked:
    """A mocked connection of one kind, and what the cursors or the connection were asked."""

    def __init__(self, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kind = kind
        self.executed: list[tuple[str, Any]] = []
        self.value: object = BROADCAST_ID
        specs = {
            "psycopg": psycopg.Connection,
            "async": psycopg.AsyncConnection,
            "sqlalchemy": sqlalchemy.Connection,
        }
        self.conn = MagicMock(spec=specs[kind])
        self.conn.pgconn = SimpleNamespace(pipeline_status=PipelineStatus.OFF)
        self.conn.info = SimpleNamespace(transaction_status=TransactionStatus.IDLE)
        self.conn.autocommit = False
        if kind == "sqlalchemy":
            self.conn.engine = MagicMock(spec=sqlalchemy.Engine)
            self.conn.execute.side_effect = self.conn.scalar.side_effect = self.execute
        monkeypatch.setattr(read_back, "Cursor", self.cursor)
        monkeypatch.setattr(read_back, "AsyncCursor", self.async_cursor)

    def execute(self, query: object, parameters: object = None, *, prepare: bool | None = None) -> object:
        del prepare
        self.executed.append((str(query), parameters))
        return self.value

    def cursor(self, _conn: object, **_options: object) -> MagicMock:
        cursor = create_autospec(psycopg.Cursor, instance=True)

        def execute(query: str, parameters: object = None, *, prepare: bool | None = None) -> MagicMock:
            self.execute(query, parameters, prepare=prepare)
            return cast(MagicMock, cursor)

        cursor.execute.side_effect = execute
        cursor.fetchone.side_effect = lambda: self.value
        return cast(MagicMock, cursor)

    def async_cursor(self, _conn: object, **_options: object) -> SimpleNamespace:
        return SimpleNamespace(
            execute=AsyncMock(side_effect=self.execute),
            fetchone=AsyncMock(side_effect=lambda: self.value),
            pgresult=None,
        )

    def insert(self, channel: Channel = CHANNEL) -> UUID:
        return self._run(lambda: insert_channel(self.conn, channel))

    def read(self) -> UUID:
        return self._run(lambda: read_broadcast_id(self.conn, *PAIR.values()))

    def _run(self, call: Callable[[], Any]) -> UUID:
        async def awaited() -> UUID:
            return cast(UUID, await call())

        return asyncio.run(awaited()) if self.kind == "async" else cast(UUID, call())


@pytest.fixture(params=["psycopg", "async", "sqlalchemy"])
def mocked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Mocked:
    return Mocked(request.param, monkeypatch)


def test_insert_and_read_back_send_the_named_queries(mocked: Mocked) -> None:
    assert mocked.insert() == BROADCAST_ID
    (columns, asked), (insert, given), (read, pair) = mocked.executed
    assert "json_build_object" in columns
    assert asked is None
    assert insert.startswith("INSERT INTO public.main_clients_database")
    assert read.startswith("SELECT b.id")
    assert pair == PAIR
    assert json.loads(given["channel"])["client_id"] == str(CHANNEL.client_id)


@pytest.mark.parametrize("given", [BROADCAST_ID, str(BROADCAST_ID), BROADCAST_ID.hex])
def test_the_id_is_a_uuid_whatever_the_loaders_give(mocked: Mocked, given: object) -> None:
    mocked.value = given
    assert mocked.insert() == BROADCAST_ID
    assert type(mocked.read()) is UUID


@pytest.mark.parametrize("mocked", ["psycopg", "async"], indirect=True)
def test_a_new_pipeline_is_opened_and_a_running_one_joined(mocked: Mocked) -> None:
    mocked.insert()
    mocked.conn.pipeline.assert_called_once_with()
    mocked.conn.pgconn.pipeline_status = PipelineStatus.ON
    mocked.insert()
    mocked.conn.pipeline.assert_called_once_with()


@pytest.mark.parametrize("mocked", ["psycopg", "async"], indirect=True)
def test_autocommit_sends_its_transaction_along_and_ends_it_after_an_error(mocked: Mocked) -> None:
    mocked.conn.autocommit = True
    mocked.insert()
    assert [query.split()[0] for query, _ in mocked.executed] == [
        "BEGIN",
        "SELECT",
        "INSERT",
        "SELECT",
        "COMMIT",
    ]
    mocked.conn.rollback.assert_not_called()
    mocked.conn.pipeline.side_effect = psycopg.OperationalError("no pipeline")
    mocked.conn.info = MagicMock(spec=["transaction_status"])
    type(mocked.conn.info).transaction_status = PropertyMock(
        side_effect=[TransactionStatus.IDLE, TransactionStatus.INERROR]
    )
    with pytest.raises(psycopg.OperationalError):
        mocked.insert()
    mocked.conn.rollback.assert_called_once_with()


@pytest.mark.parametrize("autoflush", [True, False])
def test_a_session_flushes_first_if_it_has_autoflush(autoflush: bool) -> None:
    session = MagicMock(spec=Session, autoflush=autoflush)
    session.connection.return_value = conn = MagicMock(spec=sqlalchemy.Connection)
    conn.engine = MagicMock(spec=sqlalchemy.Engine)
    conn.scalar.return_value = BROADCAST_ID
    assert insert_channel(session, CHANNEL) == BROADCAST_ID
    assert session.flush.called is autoflush
    session.commit.assert_not_called()


def test_another_kind_of_connection_is_refused() -> None:
    with pytest.raises(TypeError, match="not a psycopg or SQLAlchemy connection or session: str"):
        insert_channel(cast(Any, "postgresql://"), CHANNEL)


def test_a_channel_as_json_keeps_prices_and_times_exact() -> None:
    channel = replace(
        CHANNEL,
        sub_1_price=Decimal("9.90"),
        payout_threshold_usd=Decimal("0.10"),
        payout_threshold_updated_at=datetime(2025, 11, 14, 12, tzinfo=UTC),
    )
    given = json.loads(channel.as_json())
    assert given["sub_1_price"] == "9.90"
    assert given["payout_threshold_usd"] == "0.10"
    assert given["payout_threshold_updated_at"] == "2025-11-14T12:00:00+00:00"
    assert (given["payout_strategy"], given["notification_status"]) == ("instant", False)
    assert given["sub_3_price"] is None
