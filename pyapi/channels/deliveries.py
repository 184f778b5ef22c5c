"""What became of a client's broadcasts: the history of each, how the last ones ended, and what the client is told."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, scalar_row
from pydantic import TypeAdapter

from pyapi.errors import typed_errors
from pyapi.queries import QUERIES

Cause: TypeAlias = Literal["schedule", "by_hand"]
# sql/delivery/client_deliveries.sql
Outcome: TypeAlias = Literal["sent", "failed", "unknown", "skipped", "superseded", "channel_gone", "sending", "waiting"]
PartState: TypeAlias = Literal["intended", "sent", "failed", "unknown"]
PAGE = 30


@dataclass(frozen=True, kw_only=True)
class DeliveredPart:
    """What became of one of a delivery's two messages, in its last attempt."""

    part: Literal["open", "closed"]
    attempts: int
    state: PartState
    chat_id: str
    message_id: int | None = None
    decided_at: datetime | None = None
    deleted_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One time that a broadcast was due: why, when, and how it ended.

    due_at is the turn that it is for. An outcome of waiting: its next attempt is still to come.
    """

    id: int
    cause: Cause
    due_at: datetime | None = None
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome
    error_code: str | None = None
    error_message: str | None = None
    parts: list[DeliveredPart]


@dataclass(frozen=True)
class Notice:
    """What a client is to be told of a broadcast: kind is failed, switched_off or recovered; path leads to it."""

    id: int
    noted_at: datetime
    kind: Literal["failed", "switched_off", "recovered"]
    message: str | None
    channel: str
    path: str


_DELIVERIES = TypeAdapter(list[Delivery])


async def read_deliveries(
    conn: AsyncConnection[Any],
    broadcast_id: UUID,
    client_id: UUID,
    outcome: Outcome | None = None,
    before: int | None = None,
    max_count: int = PAGE,
) -> list[Delivery]:
    """The deliveries of the client's broadcast, the newest first.

    Args:
        conn: in autocommit, as everywhere here.
        broadcast_id: which broadcast.
        client_id: whose it must be.
        outcome: only those that ended so; None: all.
        before: only those older than the delivery of this id.
        max_count: so many at most, up to 100.

    Raises:
        BroadcastUnknown: there is none of this id.
        BroadcastForbidden: it belongs to another client.
        psycopg.Error: the database did not answer.
    """
    parameters = {
        "broadcast_id": broadcast_id,
        "client_id": client_id,
        "outcome": outcome,
        "before": before,
        "max_count": max_count,
    }
    with typed_errors():
        async with conn.cursor(row_factory=scalar_row) as cursor:
            await cursor.execute(QUERIES["client_deliveries"], parameters)
            text = await cursor.fetchone()
    return _DELIVERIES.validate_python(json.loads(text or "[]"))


async def read_last_outcomes(
    conn: AsyncConnection[Any], client_id: UUID, broadcast_ids: list[UUID]
) -> dict[UUID, list[str]]:
    """How the last 30 deliveries of each of these broadcasts ended, the oldest first.

    Raises:
        psycopg.Error: the database did not answer.
    """
    parameters = {"client_id": client_id, "broadcast_ids": broadcast_ids}
    return dict(await (await conn.execute(QUERIES["last_deliveries"], parameters)).fetchall())


async def read_notices(conn: AsyncConnection[Any], client_id: UUID) -> list[Notice]:
    """What the client is to be told and has not put away, the newest first.

    Raises:
        psycopg.Error: the database did not answer.
    """
    async with conn.cursor(row_factory=class_row(Notice)) as cursor:
        await cursor.execute(QUERIES["client_notices"], {"client_id": client_id})
        return await cursor.fetchall()


async def dismiss_notice(conn: AsyncConnection[Any], notice_id: int, client_id: UUID) -> None:
    """Put a notice of the client's away.

    Raises:
        psycopg.Error: the database did not answer.
    """
    await conn.execute(QUERIES["dismiss_notice"], {"notice_id": notice_id, "client_id": client_id})
