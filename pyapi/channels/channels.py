"""A client's channels: list, read, register, change, delete. Each call is one statement, committed by itself."""

import time
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection
from psycopg.rows import class_row, scalar_row
from structlog.stdlib import BoundLogger

from pyapi.channels.accounts import User
from pyapi.channels.fields import ChannelChanges, ChannelRegistration, to_json
from pyapi.errors import BroadcastNotFound, ChannelNotFound
from pyapi.logs import failures_logged, milliseconds_since
from pyapi.queries import QUERIES

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class ChannelRow:
    """One channel and its broadcast; broadcast_id and what follows it is None where the row is missing.

    Prices are in US dollars, times of the tiers in days; state is broadcast_state()'s, and retry_after_seconds
    tells how long the next manual trigger has to wait (0: not at all).
    """

    open_channel_id: str
    open_channel_title: str | None
    open_channel_description: str | None
    closed_channel_id: str
    closed_channel_title: str | None
    closed_channel_description: str | None
    closed_channel_donation_message: str
    tier_count: int
    sub_1_price: Decimal
    sub_1_time: int
    sub_2_price: Decimal | None
    sub_2_time: int | None
    sub_3_price: Decimal | None
    sub_3_time: int | None
    client_wallet_address: str
    client_payout_currency: str
    client_payout_network: str
    payout_strategy: str | None
    payout_threshold_usd: Decimal | None
    payout_threshold_updated_at: datetime | None
    client_id: UUID
    created_by: str | None
    updated_at: datetime | None
    notification_status: bool
    notification_id: int | None
    broadcast_id: UUID | None
    state: str | None
    retry_after_seconds: int | None
    is_active: bool | None
    next_send_time: datetime | None
    last_sent_time: datetime | None
    total_broadcasts: int | None
    successful_broadcasts: int | None
    failed_broadcasts: int | None
    consecutive_failures: int | None
    last_error_message: str | None
    last_error_time: datetime | None
    last_manual_trigger_time: datetime | None


async def list_channels(conn: AsyncConnection[Any], client_id: UUID) -> list[ChannelRow]:
    """The client's channels by title.

    Raises:
        psycopg.Error: the database did not answer.
    """
    async with conn.cursor(row_factory=class_row(ChannelRow)) as cursor:
        await cursor.execute(QUERIES["channels_of_client"], {"client_id": client_id})
        return await cursor.fetchall()


async def max_channels(conn: AsyncConnection[Any]) -> int:
    """As many channels as one client may register (broadcast.settings).

    Raises:
        psycopg.Error: the database did not answer.
    """
    return int(await _scalar(conn, "max_channels", {}) or 0)


async def read_channel(
    conn: AsyncConnection[Any], client_id: UUID, open_channel_id: str, closed_channel_id: str | None = None
) -> ChannelRow:
    """The client's channel of this open id.

    Args:
        conn: in autocommit, as everywhere here.
        client_id: whose channel it must be.
        open_channel_id: Telegram id of the open channel.
        closed_channel_id: which one, where the client has several with this open id.

    Raises:
        ChannelNotFound: there is none.
        ChannelForbidden: there is one, of another client.
        ChannelAmbiguous: there are several of this client; say which by closed_channel_id.
        psycopg.Error: the database did not answer.
    """
    pair = _pair(client_id, open_channel_id, closed_channel_id)
    with failures_logged(_about(client_id, open_channel_id, closed_channel_id), "read"):
        own_closed_channel_id = await _scalar(conn, "own_channel", pair)
        # A client has ten of them at most: the list is one index look-up, and one place to read a channel from.
        for channel in await list_channels(conn, client_id):
            if (channel.open_channel_id, channel.closed_channel_id) == (open_channel_id, own_closed_channel_id):
                return channel
        raise ChannelNotFound(f"there is no channel {open_channel_id}")


async def register_channel(conn: AsyncConnection[Any], user: User, channel: ChannelRegistration) -> UUID:
    """Register a channel for the user and give the broadcast_id that the database made for it.

    Raises:
        ChannelLimitReached: the user has as many channels as one may have.
        ChannelFieldsInvalid: fields are wrong, alone or together.
        ChannelPairTaken: the pair is registered already.
        ChannelOwnerUnknown: the user was deleted meanwhile.
        ChannelIncomplete, ChannelInvalid: a value does not fit its column.
        BroadcastError: the rule is not in order; nothing was stored.
        psycopg.Error: the database did not answer.
    """
    parameters = {"client_id": user.user_id, "created_by": user.username, "channel": to_json(channel)}
    about = _about(user.user_id, channel.open_channel_id, channel.closed_channel_id)
    began = time.monotonic()
    with failures_logged(about, "register"):
        broadcast_id = _uuid(await _scalar(conn, "register_channel", parameters))
    about = about.bind(broadcast_id=str(broadcast_id), duration_ms=milliseconds_since(began))
    about.info("channel.registered")
    # The database's own work (sql/rule/create_broadcast_rows.trigger.sql), in the same statement.
    about.info("broadcast.created", count=1)
    return broadcast_id


async def update_channel(
    conn: AsyncConnection[Any],
    client_id: UUID,
    open_channel_id: str,
    changes: ChannelChanges,
    closed_channel_id: str | None = None,
) -> UUID:
    """Change fields of the client's channel and give its broadcast_id, which stays as it is.

    Raises:
        ChannelNotFound, ChannelForbidden, ChannelAmbiguous: as read_channel.
        ChannelFieldsInvalid, ChannelPairTaken, ChannelIncomplete, ChannelInvalid, BroadcastError: as register_channel.
        psycopg.Error: the database did not answer.
    """
    pair = _pair(client_id, open_channel_id, closed_channel_id)
    began = time.monotonic()
    about = _about(client_id, open_channel_id, closed_channel_id)
    with failures_logged(about, "update"):
        broadcast_id = _uuid(await _scalar(conn, "update_channel", {**pair, "changes": to_json(changes)}))
    about.info("channel.updated", broadcast_id=str(broadcast_id), duration_ms=milliseconds_since(began))
    return broadcast_id


async def delete_channel(
    conn: AsyncConnection[Any], client_id: UUID, open_channel_id: str, closed_channel_id: str | None = None
) -> UUID | None:
    """Delete the client's channel and give the id of the broadcast row that went with it, None if it had none.

    Raises:
        ChannelNotFound, ChannelForbidden, ChannelAmbiguous: as read_channel.
        psycopg.Error: the database did not answer.
    """
    pair = _pair(client_id, open_channel_id, closed_channel_id)
    began = time.monotonic()
    about = _about(client_id, open_channel_id, closed_channel_id)
    with failures_logged(about, "delete"):
        found = await _scalar(conn, "delete_channel", pair)
    broadcast_id = None if found is None else _uuid(found)
    about.info("channel.deleted", broadcast_cleaned_up=found and str(found), duration_ms=milliseconds_since(began))
    return broadcast_id


async def _scalar(conn: AsyncConnection[Any], query: str, parameters: dict[str, Any]) -> Any:
    async with conn.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(QUERIES[query], parameters)
        return await cursor.fetchone()


def _pair(client_id: UUID, open_channel_id: str, closed_channel_id: str | None) -> dict[str, Any]:
    return {"client_id": client_id, "open_channel_id": open_channel_id, "closed_channel_id": closed_channel_id}


def _about(client_id: UUID, open_channel_id: str, closed_channel_id: str | None) -> BoundLogger:
    about: BoundLogger = log.bind(
        client_id=str(client_id), open_channel_id=open_channel_id, closed_channel_id=closed_channel_id
    )
    return about


def _uuid(value: object) -> UUID:
    if value is None:
        raise BroadcastNotFound("the channel has no broadcast row")
    return value if isinstance(value, UUID) else UUID(str(value))
