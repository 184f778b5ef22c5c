"""The broadcasts of the caller's channels."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Path, Query

from pyapi.channels.broadcast_requests import (
    BroadcastStatus,
    pause_broadcast,
    reactivate_broadcast,
    read_broadcast,
    request_broadcast,
    set_schedule,
    skip_broadcast,
)
from pyapi.channels.deliveries import PAGE, Outcome, read_deliveries
from pyapi.web.api import examples
from pyapi.web.api.bodies import BroadcastDone, BroadcastRequest, History, ScheduleRequest, SwitchOnRequest
from pyapi.web.api.dependencies import Connection, CurrentUser

router = APIRouter(prefix="/broadcast", tags=["broadcast"])

_Request = Annotated[BroadcastRequest, Body(examples=[examples.BROADCAST_REQUEST])]
_SwitchOn = Annotated[SwitchOnRequest, Body(examples=[examples.BROADCAST_REQUEST])]
_Schedule = Annotated[ScheduleRequest, Body(examples=[examples.SCHEDULE_REQUEST])]
_Id = Annotated[UUID, Path(examples=[examples.BROADCAST_ID])]
_REFUSED = (examples.INVALID, examples.TOO_LARGE, examples.RULE_BROKEN)
_ALWAYS = (*examples.BROADCAST_OWN, *examples.SIGNED_IN, *examples.DATABASE)


@router.post(
    "/trigger",
    responses=examples.answers(
        200,
        examples.TRIGGERED,
        *examples.BROADCAST_READY,
        *_REFUSED,
        *_ALWAYS,
    ),
)
async def trigger(user: CurrentUser, conn: Connection, body: _Request) -> BroadcastDone:
    """Send a broadcast now: Resend Notification. It may be asked for again after a while."""
    await request_broadcast(conn, body.broadcast_id, user.user_id)
    return BroadcastDone(message="Broadcast queued", broadcast_id=body.broadcast_id)


@router.post(
    "/reactivate",
    responses=examples.answers(200, examples.REACTIVATED, *examples.BROADCAST_NOW, *_REFUSED, *_ALWAYS),
)
async def reactivate(user: CurrentUser, conn: Connection, body: _SwitchOn) -> BroadcastDone:
    """Switch a broadcast on again, whatever switched it off; its failures in a row are forgotten.

    It takes its next turn: what was overdue is not sent, unless first_send is now.
    """
    await reactivate_broadcast(conn, body.broadcast_id, user.user_id, at_once=body.first_send == "now")
    return BroadcastDone(message="Broadcast switched on", broadcast_id=body.broadcast_id)


@router.post("/pause", responses=examples.answers(200, examples.PAUSED, *_REFUSED, *_ALWAYS))
async def pause(user: CurrentUser, conn: Connection, body: _Request) -> BroadcastDone:
    """Pause a broadcast until it is switched on again; what is being sent is finished."""
    await pause_broadcast(conn, body.broadcast_id, user.user_id)
    return BroadcastDone(message="Broadcast paused", broadcast_id=body.broadcast_id)


@router.post("/skip", responses=examples.answers(200, examples.SKIPPED, *examples.BROADCAST_TURN, *_REFUSED, *_ALWAYS))
async def skip(user: CurrentUser, conn: Connection, body: _Request) -> BroadcastDone:
    """Leave out a broadcast's next turn."""
    await skip_broadcast(conn, body.broadcast_id, user.user_id)
    return BroadcastDone(message="Next turn skipped", broadcast_id=body.broadcast_id)


@router.put("/schedule", responses=examples.answers(200, examples.SCHEDULED, *_REFUSED, *_ALWAYS))
async def schedule(user: CurrentUser, conn: Connection, body: _Schedule) -> BroadcastDone:
    """Change when a broadcast is sent; its next turn follows from it."""
    await set_schedule(conn, body.broadcast_id, user.user_id, body.schedule)
    return BroadcastDone(message="Schedule changed", broadcast_id=body.broadcast_id)


@router.get("/status/{broadcast_id}", responses=examples.answers(200, examples.BROADCAST, *_ALWAYS))
async def status(user: CurrentUser, conn: Connection, broadcast_id: _Id) -> BroadcastStatus:
    """How a broadcast stands."""
    return await read_broadcast(conn, broadcast_id, user.user_id)


@router.get("/history/{broadcast_id}", responses=examples.answers(200, examples.HISTORY, examples.INVALID, *_ALWAYS))
async def history(
    user: CurrentUser,
    conn: Connection,
    broadcast_id: _Id,
    outcome: Outcome | None = None,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Only those before the delivery of this id.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = PAGE,
) -> History:
    """What became of a broadcast each time: what was sent where, what failed and why."""
    return History(deliveries=await read_deliveries(conn, broadcast_id, user.user_id, outcome, before, limit))
