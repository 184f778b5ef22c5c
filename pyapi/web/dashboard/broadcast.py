"""A channel's page: how its broadcast stands, when it is sent, its history, and what its owner may do about it."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from pyapi.channels.broadcast_requests import (
    BroadcastStatus,
    is_sending,
    pause_broadcast,
    reactivate_broadcast,
    read_broadcast,
    read_time_zones,
    set_schedule,
    skip_broadcast,
)
from pyapi.channels.channels import read_channel
from pyapi.channels.deliveries import PAGE, Delivery, Outcome, dismiss_notice, read_deliveries, read_last_outcomes
from pyapi.channels.fields import STORED_ID, Schedule
from pyapi.channels.messages import broadcast_messages
from pyapi.channels.rows import ChannelRow, parse_channel
from pyapi.errors import (
    BroadcastInactive,
    BroadcastInProgress,
    BroadcastRateLimited,
    BroadcastUnknown,
    BroadcastWithoutTurns,
    ChannelFieldsInvalid,
)
from pyapi.pool import connection
from pyapi.web.dashboard.flash import forget_notice, leave_notice, take_notice
from pyapi.web.dashboard.forms import typed_schedule
from pyapi.web.dashboard.sessions import OwnForm, Session, SignedIn
from pyapi.web.dashboard.state import pool_of
from pyapi.web.dashboard.view import OUTCOMES, channel_name, channel_path, channel_state, page

router = APIRouter(include_in_schema=False)

_PAIR = "/channels/{open_id}/{closed_id}"
_Id: TypeAlias = Annotated[str, Path(pattern=STORED_ID)]
_Before: TypeAlias = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
_NOT_NOW = {
    BroadcastRateLimited: "It was sent a short while ago: please wait until it can be sent again.",
    BroadcastInProgress: "It is being sent right now.",
    BroadcastInactive: "The broadcast is switched off.",
    BroadcastWithoutTurns: "It is sent by hand only: there is no next turn to skip.",
}


@router.get(_PAIR)
async def show(
    request: Request,
    session: SignedIn,
    open_id: _Id,
    closed_id: _Id,
    outcome: Outcome | None = None,
    before: _Before = None,
) -> Response:
    """The channel's page, with its history: all of it, or what ended in one way."""
    response = await _page(request, session, open_id, closed_id, outcome, before)
    forget_notice(request, response)
    return response


@router.post(f"{_PAIR}/pause")
async def pause(request: Request, session: SignedIn, form: OwnForm, open_id: _Id, closed_id: _Id) -> Response:
    """Pause the broadcast that the form names."""
    async with connection(pool_of(request)) as conn:
        await pause_broadcast(conn, form_broadcast_id(form), session.user.user_id)
    return _back(request, "paused", open_id, closed_id)


@router.post(f"{_PAIR}/skip")
async def skip(request: Request, session: SignedIn, form: OwnForm, open_id: _Id, closed_id: _Id) -> Response:
    """Leave out the next turn of the broadcast that the form names."""
    try:
        async with connection(pool_of(request)) as conn:
            await skip_broadcast(conn, form_broadcast_id(form), session.user.user_id)
    except tuple(_NOT_NOW) as error:
        return await _page(request, session, open_id, closed_id, status=409, error=_NOT_NOW[type(error)])
    return _back(request, "skipped", open_id, closed_id)


@router.post(f"{_PAIR}/schedule")
async def schedule(request: Request, session: SignedIn, form: OwnForm, open_id: _Id, closed_id: _Id) -> Response:
    """Change when the broadcast that the form names is sent, or show the form again with what is wrong."""
    typed = typed_schedule(form)
    try:
        async with connection(pool_of(request)) as conn:
            status = await read_broadcast(conn, form_broadcast_id(form), session.user.user_id)
            if status.schedule == typed:
                return _back(request, "unchanged", open_id, closed_id)
            await set_schedule(conn, status.broadcast_id, session.user.user_id, typed)
    except ChannelFieldsInvalid as invalid:
        return await _page(request, session, open_id, closed_id, typed=typed, errors=invalid.details)
    return _back(request, "scheduled", open_id, closed_id)


@router.get(f"{_PAIR}/reactivate")
async def show_reactivate(request: Request, session: SignedIn, open_id: _Id, closed_id: _Id) -> Response:
    """Ask when the broadcast that is switched on again is sent first, and show what is sent."""
    return await _reactivate_page(request, session, open_id, closed_id)


@router.post(f"{_PAIR}/reactivate")
async def reactivate(request: Request, session: SignedIn, form: OwnForm, open_id: _Id, closed_id: _Id) -> Response:
    """Switch the broadcast that the form names on again: it is sent at its next turn, or at once."""
    at_once = form.get("first_send") == "now"
    try:
        async with connection(pool_of(request)) as conn:
            await reactivate_broadcast(conn, form_broadcast_id(form), session.user.user_id, at_once=at_once)
    except (BroadcastRateLimited, BroadcastInProgress) as error:
        return await _reactivate_page(request, session, open_id, closed_id, 409, _NOT_NOW[type(error)])
    return _back(request, "reactivated_now" if at_once else "reactivated", open_id, closed_id)


@router.post("/notices/dismiss")
async def dismiss(request: Request, session: SignedIn, form: OwnForm) -> Response:
    """Put a notice away."""
    number = form.get("notice_id", "")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        async with connection(pool_of(request)) as conn:
            await dismiss_notice(conn, int(number), session.user.user_id)
    return RedirectResponse("/", 303)


def form_broadcast_id(form: dict[str, str]) -> UUID:
    """The broadcast that a form names.

    Raises:
        BroadcastUnknown: it names none.
    """
    try:
        return UUID(form.get("broadcast_id", ""))
    except ValueError:
        raise BroadcastUnknown("the form names no broadcast") from None


async def _read(request: Request, session: Session, open_id: str, closed_id: str) -> tuple[ChannelRow, BroadcastStatus]:
    client_id = session.user.user_id
    async with connection(pool_of(request)) as conn:
        channel = parse_channel(await read_channel(conn, client_id, open_id, closed_id))
        if channel.broadcast_id is None:
            raise BroadcastUnknown(f"channel {open_id} has no broadcast row")
        return channel, await read_broadcast(conn, channel.broadcast_id, client_id)


async def _page(
    request: Request,
    session: Session,
    open_id: str,
    closed_id: str,
    outcome: Outcome | None = None,
    before: int | None = None,
    status: int = 200,
    error: str | None = None,
    typed: Schedule | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    channel, broadcast = await _read(request, session, open_id, closed_id)
    client_id = session.user.user_id
    async with connection(pool_of(request)) as conn:
        # One more than is shown tells whether there are older ones.
        found = await read_deliveries(conn, broadcast.broadcast_id, client_id, outcome, before, PAGE + 1)
        last = await read_last_outcomes(conn, client_id, [broadcast.broadcast_id])
        sending = await is_sending(conn)
    deliveries: list[Delivery] = found[:PAGE]
    return page(
        request,
        "channel.html",
        status,
        here="channels",
        notice=take_notice(request),
        channel=channel,
        broadcast=broadcast,
        name=channel_name(channel),
        path=channel_path(channel),
        state=channel_state(channel),
        sending=sending,
        messages=broadcast_messages(channel),
        schedule=typed or broadcast.schedule,
        # Outside of the connection above: who holds one must not wait for a second.
        zones=await time_zones(request),
        strip=last.get(broadcast.broadcast_id, []),
        deliveries=deliveries,
        older=deliveries[-1].id if len(found) > PAGE else None,
        outcome=outcome,
        before=before,
        outcomes=OUTCOMES,
        error=error,
        errors=errors or {},
    )


async def _reactivate_page(
    request: Request, session: Session, open_id: str, closed_id: str, status: int = 200, error: str | None = None
) -> Response:
    channel, broadcast = await _read(request, session, open_id, closed_id)
    return page(
        request,
        "reactivate.html",
        status,
        here="channels",
        channel=channel,
        broadcast=broadcast,
        name=channel_name(channel),
        path=channel_path(channel),
        messages=broadcast_messages(channel),
        error=error,
    )


async def time_zones(request: Request) -> list[str]:
    """What a form offers."""
    # Reading them takes the server 20 ms and more, and they change with its next release only.
    state = request.app.state
    if not getattr(state, "time_zones", None):
        async with connection(pool_of(request)) as conn:
            state.time_zones = await read_time_zones(conn)
    zones: list[str] = state.time_zones
    return zones


def _back(request: Request, notice: str, open_id: str, closed_id: str) -> Response:
    response = RedirectResponse(f"/channels/{open_id}/{closed_id}", 303)
    leave_notice(request, response, notice)
    return response
