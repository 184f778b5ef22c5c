"""A client's channels: list, read, register, change, delete. Each call is one statement, committed by itself."""

import time
from typing import Any, Literal, TypeAlias
from uuid import UUID

import structlog
from psycopg import AsyncConnection
from psycopg.rows import scalar_row
from structlog.stdlib import BoundLogger

from pyapi.channels.accounts import User
from pyapi.channels.fields import ChannelChanges, ChannelRegistration, to_json
from pyapi.errors import BroadcastNotFound, ChannelNotFound
from pyapi.log_events import failures_logged, milliseconds_since
from pyapi.queries import QUERIES

log = structlog.get_logger()

ChannelOrder: TypeAlias = Literal["newest", "oldest", "title"]


async def list_channels(conn: AsyncConnection[Any], client_id: UUID, sort: ChannelOrder) -> str:
    """The client's channels, how many there are and may be, as broadcast.client_channels() writes them.

    Returns:
        JSON text, for the API as it is.

    Raises:
        psycopg.Error: the database did not answer.
    """
    return str(await _scalar(conn, "channels_of_client", {"client_id": client_id, "sort": sort}))


async def list_page(
    conn: AsyncConnection[Any],
    client_id: UUID,
    *,
    search: str = "",
    state: str = "",
    sort: str = "attention",
    after: list[str] | None = None,
    before: list[str] | None = None,
    pair: tuple[str, str] | None = None,
) -> str:
    """A page of the client's channels, as broadcast.channel_page() writes it.

    Args:
        conn: in autocommit, as everywhere here.
        client_id: whose channels.
        search: what a title or an id contains, in any case; empty: all fit.
        state: one of broadcast_state(), or none for channels without a broadcast row; empty: all fit.
        sort: attention (what needs it first), title or next (what is sent next).
        after: the place that the page begins after, of four texts.
        before: the place that it ends before.
        pair: open and closed id: this channel alone, whether it fits or not.

    Returns:
        JSON text; parse_page() reads it.

    Raises:
        psycopg.Error: the database did not answer.
    """
    open_channel_id, closed_channel_id = pair or (None, None)
    parameters = {"client_id": client_id, "search": search, "state": state, "sort": sort, "after": after}
    ids = {"open_channel_id": open_channel_id, "closed_channel_id": closed_channel_id}
    return str(await _scalar(conn, "channel_page", {**parameters, "before": before, **ids}))


async def read_channel(
    conn: AsyncConnection[Any], client_id: UUID, open_channel_id: str, closed_channel_id: str | None = None
) -> str:
    """The client's channel of this open id.

    Args:
        conn: in autocommit, as everywhere here.
        client_id: whose channel it must be.
        open_channel_id: Telegram id of the open channel.
        closed_channel_id: which one, where the client has several with this open id.

    Returns:
        JSON text, for the API as it is; parse_channel() reads it.

    Raises:
        ChannelNotFound: there is none.
        ChannelForbidden: there is one, of another client.
        ChannelAmbiguous: there are several of this client; say which by closed_channel_id.
        psycopg.Error: the database did not answer.
    """
    pair = _pair(client_id, open_channel_id, closed_channel_id)
    with failures_logged(_about(client_id, open_channel_id, closed_channel_id), "read"):
        return str(await _scalar(conn, "read_channel", pair))


async def read_channel_of_broadcast(conn: AsyncConnection[Any], client_id: UUID, broadcast_id: UUID) -> str:
    """The client's channel that has this broadcast.

    Returns:
        JSON text, as of read_channel().

    Raises:
        ChannelNotFound: it was deleted meanwhile.
        psycopg.Error: the database did not answer.
    """
    text = await _scalar(conn, "channel_of_broadcast", {"client_id": client_id, "broadcast_id": broadcast_id})
    if text is None:
        raise ChannelNotFound("the channel was deleted meanwhile")
    return str(text)


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
