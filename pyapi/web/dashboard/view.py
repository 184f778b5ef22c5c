"""How things are shown: the templates, and the words and figures that they use."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pyapi.channels.messages import dollars, tiers
from pyapi.channels.rows import ChannelRow
from pyapi.web.dashboard.list_view import where_one_was

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class State:
    """A broadcast's state in words; kind is the style sheet's class, why is a sentence or empty."""

    name: str
    label: str
    kind: str
    why: str = ""


_STATES = {
    state.name: state
    for state in (
        State("scheduled", "Scheduled", "calm"),
        State("queued", "Queued", "busy"),
        State("sending", "Sending", "busy sending"),
        State("sent", "Sent", "good"),
        State("failed", "Failed", "failed", "The last send failed."),
        State(
            "unknown",
            "Unknown",
            "odd",
            "It is not known whether the last messages were sent. Look into the channels; resend if one is missing.",
        ),
        State("skipped", "Skipped", "warn", "The last send was skipped."),
        State("off", "Switched off", "warn", "Switched off."),
    )
}


_WHY_OFF = {"owner": "Paused by you.", "operator": "Switched off by an operator."}


def named_state(name: str | None) -> State:
    """A state of broadcast_state() in words; None stands for a channel without a broadcast row."""
    if name is None:
        return State("none", "Not Configured", "warn")
    return _STATES.get(name) or State(name, "Unknown", "odd", "What became of the last send is not known.")


def channel_state(channel: ChannelRow) -> State:
    """The state of a channel's broadcast, with the reason where it is switched off."""
    state = named_state(channel.state)
    if state.name != "off":
        return state
    if channel.off_reason == "failures":
        failures = channel.consecutive_failures or 0
        return replace(
            state, why=f"Switched off after {failures} {'failure' if failures == 1 else 'failures'} in a row."
        )
    return replace(state, why=_WHY_OFF.get(channel.off_reason or "", state.why))


def channel_version(channel: ChannelRow) -> str:
    """A mark that differs when what is shown of the channel differs; the countdown goes on without the server."""
    shown = replace(channel, retry_after_seconds=None)
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:8]


def time_element(moment: datetime | None, otherwise: str = "none") -> Markup:
    """A moment in UTC as a time element, which the script turns into local time."""
    if moment is None:
        return escape(otherwise)
    utc = _in_utc(moment)
    return Markup('<time datetime="{}">{}</time>').format(iso(utc), f"{utc.day} {utc:%b %Y, %H:%M} UTC")


def iso(moment: datetime) -> str:
    """A moment in UTC, to the millisecond, as the script reads it."""
    return _in_utc(moment).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(seconds: int) -> str:
    """Seconds as minutes and seconds, such as 4:59."""
    return f"{seconds // 60}:{seconds % 60:02}"


def sentence(text: str) -> str:
    """The text with a capital letter in front."""
    return text[:1].upper() + text[1:]


def _in_utc(moment: datetime) -> datetime:
    # The live tables have timestamps without a zone too; the server writes UTC.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _Unindented(FileSystemLoader):
    """Templates without the spaces that their lines begin with: an eighth of a page of fifty cards."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, name, is_current = super().get_source(environment, template)
        return re.sub(r"(?m)^[ \t]+", "", source), name, is_current


def _environment() -> Environment:
    environment = Environment(
        loader=_Unindented(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "clock": clock,
        "dollars": dollars,
        "iso": iso,
        "sentence": sentence,
        "state": channel_state,
        "tiers": tiers,
        "time": time_element,
        "version": channel_version,
    }
    return environment


_TEMPLATES = _environment()


def page(request: Request, template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
    """A rendered page.

    Args:
        request: whose session the page's frame shows.
        template: the name of a file in templates/.
        status_code: of the answer.
        context: what the template uses.
    """
    shared = {
        "session": getattr(request.state, "session", None),
        "here": None,
        "channels_href": where_one_was(request).href,
    }
    return HTMLResponse(_TEMPLATES.get_template(template).render(shared | context), status_code)
