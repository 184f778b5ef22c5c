"""A client's channels: the list, and the pages that register, edit, delete and resend."""

import json
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from pyapi.channels.broadcast_requests import is_sending, request_broadcast
from pyapi.channels.channels import delete_channel, list_page, read_channel, register_channel, update_channel
from pyapi.channels.deliveries import read_last_outcomes, read_notices
from pyapi.channels.fields import STORED_ID, PlannedRegistration, Schedule
from pyapi.channels.mappings import read_currency_networks
from pyapi.channels.messages import broadcast_messages
from pyapi.channels.rows import ChannelPage, ChannelRow, parse_channel, parse_page
from pyapi.errors import (
    BroadcastInactive,
    BroadcastInProgress,
    BroadcastRateLimited,
    BroadcastUnknown,
    RuleError,
)
from pyapi.pool import connection
from pyapi.web.dashboard import forms
from pyapi.web.dashboard.broadcast import form_broadcast_id, time_zones
from pyapi.web.dashboard.flash import forget_notice, leave_notice, take_notice
from pyapi.web.dashboard.list_view import SORTS, STATES, ListView, read_view, remember, where_one_was
from pyapi.web.dashboard.sessions import OwnForm, Session, SignedIn
from pyapi.web.dashboard.state import pool_of
from pyapi.web.dashboard.view import channel_name, channel_path, channel_state, named_state, page

router = APIRouter(include_in_schema=False)

_PAIR = "/channels/{open_id}/{closed_id}"
_Id: TypeAlias = Annotated[str, Path(pattern=STORED_ID)]
_AskedId: TypeAlias = Annotated[str | None, Query(pattern=STORED_ID)]
# What the form says above, where it is sent, and what its button says.
_REGISTRATION = ("Register a channel", "/channels/new", "Register channel", "/")
_NOT_NOW = {
    BroadcastRateLimited: (429, "It was sent a short while ago: please wait until it can be sent again."),
    BroadcastInProgress: (409, "It is being sent right now."),
    BroadcastInactive: (409, "The broadcast is switched off."),
}


@router.get("/")
async def show_channels(request: Request, session: SignedIn) -> Response:
    """A page of the client's channels."""
    view, notice = read_view(request.query_params.multi_items()), take_notice(request)
    channels = await _channels(request, session, view)
    async with connection(pool_of(request)) as conn:
        sending, notices = await is_sending(conn), await read_notices(conn, session.user.user_id)
    response = await _list(
        request,
        "channels.html",
        session,
        view,
        channels,
        here="channels",
        notice=notice,
        notices=notices,
        sending=sending,
    )
    remember(request, response, view)
    forget_notice(request, response)
    return response


@router.get("/channels/list")
async def show_list(
    request: Request, session: SignedIn, open_id: _AskedId = None, closed_id: _AskedId = None
) -> Response:
    """The list alone, for the script; with a channel's two ids that card, and the counts."""
    view = read_view(request.query_params.multi_items())
    channels = await _channels(request, session, view, open_id, closed_id)
    return await _list(request, "_channel_list.html", session, view, channels)


@router.get("/channels/new")
async def show_registration(request: Request, session: SignedIn) -> Response:
    """The form for a new channel."""
    del session
    return await _form_page(request, _REGISTRATION, forms.empty_values(), schedule=Schedule(kind="interval"))


@router.post("/channels/new")
async def register(request: Request, session: SignedIn, form: OwnForm) -> Response:
    """Register a channel, or show the form again with what is wrong at its fields."""
    values, schedule = forms.typed_values(form), forms.typed_schedule(form)
    first_send = form.get("first_send", "now")
    if "preview" in form:
        return await _form_page(request, _REGISTRATION, values, schedule=schedule, first_send=first_send)
    try:
        channel = PlannedRegistration(
            **forms.registration(values).model_dump(),
            schedule=schedule,
            first_send="next_turn" if first_send == "next_turn" else None,
        )
        async with connection(pool_of(request)) as conn:
            broadcast_id = await register_channel(conn, session.user, channel)
    except forms.FormInvalid as invalid:
        return await _form_page(
            request, _REGISTRATION, values, errors=invalid.errors, schedule=schedule, first_send=first_send
        )
    except RuleError as error:
        status, sentence, errors = forms.refusal(error)
        return await _form_page(request, _REGISTRATION, values, status, sentence, errors, schedule, first_send)
    return _back(request, "registered", broadcast_id, about=channel.open_channel_title)


@router.post("/channels/preview")
async def preview(request: Request, form: OwnForm) -> Response:
    """The messages of what is typed, for the script."""
    return page(request, "_messages.html", messages=broadcast_messages(forms.draft(forms.typed_values(form))))


@router.get(f"{_PAIR}/edit")
async def show_edit(request: Request, session: SignedIn, open_id: _Id, closed_id: _Id) -> Response:
    """The form with the channel's values."""
    channel = await _channel(request, session, open_id, closed_id)
    return await _form_page(request, _editing(channel), forms.values_of(channel))


@router.post(f"{_PAIR}/edit")
async def edit(request: Request, session: SignedIn, form: OwnForm, open_id: _Id, closed_id: _Id) -> Response:
    """Store what was changed, or show the form again with what is wrong at its fields."""
    channel = await _channel(request, session, open_id, closed_id)
    values = forms.typed_values(form)
    if "preview" in form:
        return await _form_page(request, _editing(channel), values)
    try:
        changes = forms.changes(forms.values_of(channel), values)
        if not changes.model_fields_set:
            return _back(request, "unchanged")
        async with connection(pool_of(request)) as conn:
            await update_channel(conn, session.user.user_id, open_id, changes, closed_id)
    except forms.FormInvalid as invalid:
        return await _form_page(request, _editing(channel), values, errors=invalid.errors)
    except RuleError as error:
        status, sentence, errors = forms.refusal(error)
        return await _form_page(request, _editing(channel), values, status, sentence, errors)
    now_open, now_closed = (values[name] or getattr(channel, name) for name in ("open_channel_id", "closed_channel_id"))
    name = values["open_channel_title"] or channel_name(channel)
    return _back(request, "saved", about=name, at=f"c{now_open}_{now_closed}")


@router.get(f"{_PAIR}/delete")
async def show_delete(request: Request, session: SignedIn, open_id: _Id, closed_id: _Id) -> Response:
    """Ask whether the channel is to be deleted, and say what goes with it."""
    channel = await _channel(request, session, open_id, closed_id)
    return page(
        request, "delete.html", here="channels", channel=channel, name=channel_name(channel), path=channel_path(channel)
    )


@router.post(f"{_PAIR}/delete")
async def delete(request: Request, session: SignedIn, form: OwnForm, open_id: _Id, closed_id: _Id) -> Response:
    """Delete the channel."""
    async with connection(pool_of(request)) as conn:
        broadcast_id = await delete_channel(conn, session.user.user_id, open_id, closed_id)
    return _back(
        request, "deleted" if broadcast_id else "deleted_alone", broadcast_id or "", about=form.get("name", "")
    )


@router.get(f"{_PAIR}/resend")
async def show_resend(request: Request, session: SignedIn, open_id: _Id, closed_id: _Id) -> Response:
    """Show the two messages that a resend sends, and ask."""
    return _resend_page(request, await _channel(request, session, open_id, closed_id))


@router.post(f"{_PAIR}/resend")
async def resend(request: Request, session: SignedIn, form: OwnForm, open_id: _Id, closed_id: _Id) -> Response:
    """Make the broadcast that the form names due now; where it cannot be, show the page with the reason."""
    try:
        async with connection(pool_of(request)) as conn:
            await request_broadcast(conn, form_broadcast_id(form), session.user.user_id)
    except (BroadcastRateLimited, BroadcastInProgress, BroadcastInactive) as error:
        status, sentence = _NOT_NOW[type(error)]
        response = _resend_page(request, await _channel(request, session, open_id, closed_id), status, sentence)
        if isinstance(error, BroadcastRateLimited):
            response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    return _back(request, "queued", about=form.get("name", ""), at=f"c{open_id}_{closed_id}")


async def _channels(
    request: Request, session: Session, view: ListView, open_id: str | None = None, closed_id: str | None = None
) -> ChannelPage:
    pair = (open_id, closed_id) if open_id and closed_id else None
    after, before = list(view.after) or None, list(view.before) or None
    client_id, search, state, sort = session.user.user_id, view.search, view.state, view.sort
    async with connection(pool_of(request)) as conn:
        return parse_page(
            await list_page(
                conn, client_id, search=search, state=state, sort=sort, after=after, before=before, pair=pair
            )
        )


async def _strips(request: Request, session: Session, channels: ChannelPage) -> dict[UUID, list[str]]:
    shown = [channel.broadcast_id for channel in channels.rows if channel.broadcast_id]
    async with connection(pool_of(request)) as conn:
        return await read_last_outcomes(conn, session.user.user_id, shown)


async def _channel(request: Request, session: Session, open_id: str, closed_id: str) -> ChannelRow:
    async with connection(pool_of(request)) as conn:
        return parse_channel(await read_channel(conn, session.user.user_id, open_id, closed_id))


def _editing(channel: ChannelRow) -> tuple[str, str, str, str]:
    return f"Edit {channel_name(channel)}", f"{channel_path(channel)}/edit", "Save changes", channel_path(channel)


async def _form_page(
    request: Request,
    purpose: tuple[str, str, str, str],
    values: dict[str, str],
    status: int = 200,
    error: str | None = None,
    errors: dict[str, str] | None = None,
    schedule: Schedule | None = None,
    first_send: str = "now",
) -> Response:
    heading, action, button, cancel = purpose
    async with connection(pool_of(request)) as conn:
        mappings = json.loads(await read_currency_networks(conn))
    return page(
        request,
        "channel_form.html",
        status,
        mappings=mappings,
        here="channels",
        fields=forms.FORM_FIELDS,
        values=values,
        error=error,
        errors=errors or {},
        heading=heading,
        action=action,
        button=button,
        cancel=cancel,
        schedule=schedule,
        first_send=first_send,
        zones=await time_zones(request) if schedule else [],
        messages=broadcast_messages(forms.draft(values)),
    )


def _resend_page(request: Request, channel: ChannelRow, status: int = 200, error: str | None = None) -> Response:
    if channel.broadcast_id is None:
        raise BroadcastUnknown(f"channel {channel.open_channel_id} has no broadcast row")
    return page(
        request,
        "resend.html",
        status,
        here="channels",
        name=channel_name(channel),
        path=channel_path(channel),
        broadcast_id=channel.broadcast_id,
        state=channel_state(channel),
        wait=channel.retry_after_seconds or 0,
        problem=channel.problem,
        messages=broadcast_messages(channel),
        error=error,
    )


async def _list(
    request: Request, template: str, session: Session, view: ListView, channels: ChannelPage, **context: Any
) -> Response:
    strips = await _strips(request, session, channels)
    shown = [state for state in STATES if state in channels.states or state == view.state]
    tabs = [(named_state(None if state == "none" else state), state, channels.states.get(state, 0)) for state in shown]
    return page(request, template, view=view, channels=channels, strips=strips, tabs=tabs, sorts=SORTS, **context)


def _back(request: Request, notice: str, code: object = "", about: str = "", at: str = "") -> Response:
    """To the list as it was seen last, at a card of it; about is the channel's title."""
    response = RedirectResponse(where_one_was(request).href + (f"#{at}" if at else ""), 303)
    leave_notice(request, response, notice, code, about)
    return response
