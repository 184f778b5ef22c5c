"""The channels of the caller."""

import json
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Response
from fastapi.responses import JSONResponse

from pyapi.channels import channels
from pyapi.channels.channels import ChannelOrder
from pyapi.channels.fields import STORED_ID, ChannelChanges, PlannedRegistration
from pyapi.web.api import examples
from pyapi.web.api.bodies import (
    ChannelAnswer,
    ChannelDeleted,
    ChannelDone,
    ChannelList,
    ChannelUpdated,
)
from pyapi.web.api.dependencies import Connection, CurrentUser

router = APIRouter(prefix="/channels", tags=["channels"])

OpenChannelId = Annotated[
    str, Path(pattern=STORED_ID, description="Telegram id of the open channel.", examples=["-1003268562225"])
]
ClosedChannelId = Annotated[
    str | None,
    Query(pattern=STORED_ID, description="Which one, where two of the caller's channels share the open channel."),
]

_ALWAYS = (*examples.SIGNED_IN, *examples.DATABASE)


@router.post(
    "/register",
    status_code=201,
    responses=examples.answers(
        201,
        examples.REGISTERED,
        *examples.CHANNEL_FIELDS,
        examples.CHANNEL_LIMIT,
        examples.CHANNEL_OWNER,
        examples.TOO_LARGE,
        examples.RULE_BROKEN,
        *_ALWAYS,
    ),
)
async def register(
    user: CurrentUser,
    conn: Connection,
    channel: Annotated[PlannedRegistration, Body(examples=[examples.REGISTRATION])],
) -> ChannelDone:
    """Register a channel. Its broadcast is there at once; if either can't be made, neither is.

    It is sent at once too, unless first_send says otherwise.
    """
    broadcast_id = await channels.register_channel(conn, user, channel)
    return ChannelDone(message="Channel registered", channel_id=channel.open_channel_id, broadcast_id=broadcast_id)


@router.get(
    "", response_model=ChannelList, responses=examples.answers(200, examples.CHANNELS, examples.INVALID, *_ALWAYS)
)
async def list_all(user: CurrentUser, conn: Connection, sort: ChannelOrder = "newest") -> Response:
    """All channels of the caller."""
    return _as_written(await channels.list_channels(conn, user.user_id, sort))


@router.get(
    "/{open_channel_id}",
    response_model=ChannelAnswer,
    responses=examples.answers(200, examples.CHANNEL, examples.INVALID, *examples.CHANNEL_OWN, *_ALWAYS),
)
async def read(
    user: CurrentUser, conn: Connection, open_channel_id: OpenChannelId, closed_channel_id: ClosedChannelId = None
) -> Response:
    """One channel of the caller."""
    return _as_written(await channels.read_channel(conn, user.user_id, open_channel_id, closed_channel_id))


@router.put(
    "/{open_channel_id}",
    response_model=ChannelUpdated,
    responses=examples.answers(
        200,
        examples.UPDATED,
        *examples.CHANNEL_OWN,
        *examples.CHANNEL_FIELDS,
        examples.TOO_LARGE,
        examples.RULE_BROKEN,
        *_ALWAYS,
    ),
)
async def update(
    user: CurrentUser,
    conn: Connection,
    open_channel_id: OpenChannelId,
    changes: Annotated[ChannelChanges, Body(examples=[examples.CHANGES])],
    closed_channel_id: ClosedChannelId = None,
) -> Response:
    """Change those fields of a channel that the body names. Its broadcast keeps id and history."""
    broadcast_id = await channels.update_channel(conn, user.user_id, open_channel_id, changes, closed_channel_id)
    channel_id = changes.open_channel_id or open_channel_id
    done = ChannelDone(message="Channel updated", channel_id=channel_id, broadcast_id=broadcast_id)
    channel = await channels.read_channel_of_broadcast(conn, user.user_id, broadcast_id)
    return JSONResponse(done.model_dump(mode="json") | {"channel": json.loads(channel)})


@router.delete(
    "/{open_channel_id}",
    responses=examples.answers(
        200, examples.DELETED, examples.INVALID, *examples.CHANNEL_OWN, examples.RULE_BROKEN, *_ALWAYS
    ),
)
async def delete(
    user: CurrentUser, conn: Connection, open_channel_id: OpenChannelId, closed_channel_id: ClosedChannelId = None
) -> ChannelDeleted:
    """Delete a channel, and with it its broadcast."""
    broadcast_id = await channels.delete_channel(conn, user.user_id, open_channel_id, closed_channel_id)
    message = "Channel deleted, and its broadcast with it"
    return ChannelDeleted(message=message, channel_id=open_channel_id, broadcast_id=broadcast_id)


def _as_written(text: str) -> Response:
    # By the database: what it knows of a channel passes through without being read here.
    return Response(text, media_type="application/json")
