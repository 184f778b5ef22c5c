"""What a client asks of a broadcast: send it now, pause it, skip a turn, plan it anew, tell how it stands."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID

import structlog
from psycopg import AsyncConnection
from psycopg.rows import dict_row
from structlog.stdlib import BoundLogger

from pyapi.channels.fields import Schedule
from pyapi.errors import BroadcastUnknown
from pyapi.log_events import failures_logged, milliseconds_since
from pyapi.queries import QUERIES

log = structlog.get_logger()

# sql/delivery/broadcast_state.sql and off_reason.sql.
StateName: TypeAlias = Literal["off", "sending", "queued", "failed", "unknown", "sent", "skipped", "scheduled"]
OffReason: TypeAlias = Literal["failures", "owner", "operator", "other"]


@dataclass(frozen=True, kw_only=True)
class BroadcastStatus:
    """How a broadcast stands: state in one word, and why it is off where it is.

    retry_after_seconds is 0 when it may be triggered now. next_turn is when it is sent next, or would be if it were
    switched on again; None: by hand only.
    """

    broadcast_id: UUID
    open_channel_id: str
    closed_channel_id: str
    broadcast_status: str | None
    state: StateName
    off_reason: OffReason | None
    retry_after_seconds: int
    is_active: bool | None
    schedule: Schedule
    next_turn: datetime | None
    next_send_time: datetime | None
    last_sent_time: datetime | None
    last_manual_trigger_time: datetime | None
    manual_trigger_count: int
    total_broadcasts: int
    successful_broadcasts: int
    failed_broadcasts: int
    consecutive_failures: int
    last_error_message: str | None
    last_error_time: datetime | None


async def request_broadcast(conn: AsyncConnection[Any], broadcast_id: UUID, client_id: UUID) -> None:
    """Make the client's broadcast due now and tell the workers.

    Raises:
        BroadcastUnknown: there is none of this id.
        BroadcastForbidden: it belongs to another client.
        BroadcastInactive: it is switched off.
        BroadcastInProgress: it is being sent.
        BroadcastRateLimited: it was triggered a short while ago; retry_after_seconds tells when it may be again.
        psycopg.Error: the database did not answer.
    """
    await _ask("broadcast.requested", conn, "request_broadcast", broadcast_id, client_id)


async def reactivate_broadcast(
    conn: AsyncConnection[Any], broadcast_id: UUID, client_id: UUID, *, at_once: bool = False
) -> None:
    """Switch the client's broadcast on again and forget its failures in a row; it takes its next turn.

    Args:
        conn: in autocommit, as everywhere here.
        broadcast_id: which broadcast.
        client_id: whose it must be.
        at_once: trigger it by hand besides, as request_broadcast() does.

    Raises:
        BroadcastUnknown: there is none of this id.
        BroadcastForbidden: it belongs to another client.
        BroadcastInProgress, BroadcastRateLimited: as request_broadcast(), where it is to be sent at once.
        psycopg.Error: the database did not answer.
    """
    await _ask("broadcast.reactivated", conn, "reactivate_broadcast", broadcast_id, client_id, at_once=at_once)


async def pause_broadcast(conn: AsyncConnection[Any], broadcast_id: UUID, client_id: UUID) -> None:
    """Pause the client's broadcast: what is being sent is finished, and nothing after it is sent.

    Raises:
        BroadcastUnknown: there is none of this id.
        BroadcastForbidden: it belongs to another client.
        psycopg.Error: the database did not answer.
    """
    await _ask("broadcast.paused", conn, "pause_broadcast", broadcast_id, client_id)


async def skip_broadcast(conn: AsyncConnection[Any], broadcast_id: UUID, client_id: UUID) -> None:
    """Leave out the next turn of the client's broadcast.

    Raises:
        BroadcastUnknown: there is none of this id.
        BroadcastForbidden: it belongs to another client.
        BroadcastInactive: it is switched off.
        BroadcastInProgress: it is being sent.
        BroadcastWithoutTurns: it is sent by hand only.
        psycopg.Error: the database did not answer.
    """
    await _ask("broadcast.skipped", conn, "skip_broadcast", broadcast_id, client_id)


async def set_schedule(conn: AsyncConnection[Any], broadcast_id: UUID, client_id: UUID, schedule: Schedule) -> None:
    """Change when the client's broadcast is sent; its next turn follows from it.

    Raises:
        BroadcastUnknown: there is none of this id.
        BroadcastForbidden: it belongs to another client.
        ChannelFieldsInvalid: the time, or the time zone, is none.
        psycopg.Error: the database did not answer.
    """
    text = schedule.model_dump_json()
    await _ask("broadcast.scheduled", conn, "set_schedule", broadcast_id, client_id, schedule=text)


async def read_time_zones(conn: AsyncConnection[Any]) -> list[str]:
    """The time zones that a form offers; set_schedule() takes some more.

    Raises:
        psycopg.Error: the database did not answer.
    """
    return [zone for (zone,) in await (await conn.execute(QUERIES["time_zones"])).fetchall()]


async def read_broadcast(conn: AsyncConnection[Any], broadcast_id: UUID, client_id: UUID) -> BroadcastStatus:
    """How the client's broadcast stands.

    Raises:
        BroadcastUnknown: there is none of this id.
        BroadcastForbidden: it belongs to another client.
        psycopg.Error: the database did not answer.
    """
    parameters = {"broadcast_id": broadcast_id, "client_id": client_id}
    with failures_logged(_about(broadcast_id, client_id), "read_broadcast"):
        async with conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(QUERIES["read_broadcast"], parameters)
            row = await cursor.fetchone()
        if row is None or row["broadcast_id"] is None:
            raise BroadcastUnknown(f"there is no broadcast {broadcast_id}")
    return BroadcastStatus(**row | {"schedule": Schedule(**row["schedule"])})


async def is_sending(conn: AsyncConnection[Any]) -> bool:
    """Whether workers take what is due.

    Raises:
        psycopg.Error: the database did not answer.
    """
    row = await (await conn.execute(QUERIES["sending"])).fetchone()
    return row is not None and bool(row[0])


async def _ask(
    event: str, conn: AsyncConnection[Any], query: str, broadcast_id: UUID, client_id: UUID, **more: object
) -> None:
    about, began = _about(broadcast_id, client_id), time.monotonic()
    with failures_logged(about, query):
        cursor = await conn.execute(QUERIES[query], {"broadcast_id": broadcast_id, "client_id": client_id, **more})
        open_channel_id, closed_channel_id = await cursor.fetchone() or (None, None)
    about = about.bind(open_channel_id=open_channel_id, closed_channel_id=closed_channel_id)
    about.info(event, duration_ms=milliseconds_since(began))


def _about(broadcast_id: UUID, client_id: UUID) -> BoundLogger:
    about: BoundLogger = log.bind(client_id=str(client_id), broadcast_id=str(broadcast_id))
    return about
