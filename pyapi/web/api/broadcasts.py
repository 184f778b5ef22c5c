"""The broadcasts of the caller's channels."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path

from pyapi.channels.broadcast_requests import BroadcastStatus, reactivate_broadcast, read_broadcast, request_broadcast
from pyapi.web.api import examples
from pyapi.web.api.bodies import BroadcastDone, BroadcastRequest
from pyapi.web.api.dependencies import Connection, CurrentUser

router = APIRouter(prefix="/broadcast", tags=["broadcast"])

_Request = Annotated[BroadcastRequest, Body(examples=[examples.BROADCAST_REQUEST])]
_ALWAYS = (*examples.BROADCAST_OWN, *examples.SIGNED_IN, *examples.DATABASE)


@router.post(
    "/trigger",
    responses=examples.answers(
        200,
        examples.TRIGGERED,
        *examples.BROADCAST_READY,
        examples.INVALID,
        examples.TOO_LARGE,
        examples.RULE_BROKEN,
        *_ALWAYS,
    ),
)
async def trigger(user: CurrentUser, conn: Connection, body: _Request) -> BroadcastDone:
    """Send a broadcast now: Resend Notification. It may be asked for again after a while."""
    await request_broadcast(conn, body.broadcast_id, user.user_id)
    return BroadcastDone(message="Broadcast queued", broadcast_id=body.broadcast_id)


@router.post(
    "/reactivate",
    responses=examples.answers(
        200, examples.REACTIVATED, examples.INVALID, examples.TOO_LARGE, examples.RULE_BROKEN, *_ALWAYS
    ),
)
async def reactivate(user: CurrentUser, conn: Connection, body: _Request) -> BroadcastDone:
    """Switch a broadcast on again, whatever switched it off; its failures in a row are forgotten."""
    await reactivate_broadcast(conn, body.broadcast_id, user.user_id)
    return BroadcastDone(message="Broadcast switched on", broadcast_id=body.broadcast_id)


@router.get("/status/{broadcast_id}", responses=examples.answers(200, examples.BROADCAST, *_ALWAYS))
async def status(
    user: CurrentUser, conn: Connection, broadcast_id: Annotated[UUID, Path(examples=[examples.BROADCAST_ID])]
) -> BroadcastStatus:
    """How a broadcast stands."""
    return await read_broadcast(conn, broadcast_id, user.user_id)
