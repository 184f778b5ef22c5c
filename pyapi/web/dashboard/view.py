"""How things are shown: the templates, and the words and figures that they use."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from pyapi.channels.deliveries import DeliveredPart, Delivery
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


# How a delivery ended, in words; why is what to do.
OUTCOMES = {
    state.name: state
    for state in (
        State("sent", "Sent", "good"),
        State("failed", "Failed", "failed"),
        State("unknown", "Unknown", "odd", "Look into the channels, and resend if a message is missing."),
        State("skipped", "Skipped", "warn"),
        State("superseded", "Replaced", "calm", "It was resent before it was tried again."),
        State("channel_gone", "Channel gone", "calm"),
        State("sending", "Sending", "busy sending"),
        State("waiting", "Waiting", "busy", "What is missing is tried again by itself."),
    )
}
_PART_LABELS = {"intended": "being sent", "sent": "sent", "failed": "not sent", "unknown": "not known whether sent"}
_CAUSES = {"schedule": "On schedule", "by_hand": "By hand"}


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
    label = "Paused" if channel.off_reason == "owner" else state.label
    return replace(state, label=label, why=_WHY_OFF.get(channel.off_reason or "", state.why))


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


def channel_name(channel: ChannelRow) -> str:
    """What people call a channel: its open title, or its open id where it has none."""
    return channel.open_channel_title or channel.open_channel_id


def channel_path(channel: ChannelRow) -> str:
    """Where the channel's page is; the pages that change it are below."""
    return f"/channels/{channel.open_channel_id}/{channel.closed_channel_id}"


def moment(at: datetime) -> Markup:
    """A moment with its day of the week, in UTC; the script shows it in the reader's own zone, and says so."""
    utc = _in_utc(at)
    return Markup('<time datetime="{}" data-long>{}</time>').format(
        iso(utc), f"{utc:%a} {utc.day} {utc:%b %Y, %H:%M} UTC"
    )


def relative(at: datetime) -> Markup:
    """How far away a moment is, such as: in 3 hours; the script keeps it true."""
    minutes = round((_in_utc(at) - datetime.now(UTC)).total_seconds() / 60)
    if minutes < 1:
        words = "Any moment"
    elif minutes < 90:
        words = f"In {minutes} {'minute' if minutes == 1 else 'minutes'}"
    elif minutes < 48 * 60:
        words = f"In {round(minutes / 60)} hours"
    else:
        words = f"In {round(minutes / 1440)} days"
    return Markup('<span data-relative="{}">{}</span>').format(iso(at), words)


def cause(delivery: Delivery) -> str:
    """Why a delivery was made: its turn, somebody's click, and further attempts."""
    attempts = max((part.attempts for part in delivery.parts), default=1)
    words = _CAUSES[delivery.cause]
    return words if attempts == 1 else f"{words}, {attempts} attempts"


def message_link(part: DeliveredPart) -> str:
    """Where Telegram shows a message of a channel to who may see it."""
    return f"https://t.me/c/{part.chat_id.strip().removeprefix('-100')}/{part.message_id}"


def reason(part: DeliveredPart) -> str:
    """What went wrong with a part and what to do, without the channel, beside whose name it stands."""
    return (part.error_message or "").removeprefix(f"{part.part.capitalize()} channel: ")


def counted(outcomes: list[str]) -> str:
    """The strip in words, such as: The last 3: 2 sent, 1 failed."""
    counts = Counter(OUTCOMES[outcome].label.lower() for outcome in outcomes)
    return f"The last {len(outcomes)}: " + ", ".join(f"{count} {label}" for label, count in counts.most_common())


def runs(outcomes: list[str]) -> list[tuple[str, str]]:
    """The strip's bars as lines of dashes, one for each run of the same kind: the kind, and its path in SVG."""
    lines, at = [], 0
    for kind, group in groupby(OUTCOMES[outcome].kind.split()[0] for outcome in outcomes):
        count = len(list(group))
        lines.append((kind, f"M{8 * at} 10h{8 * count - 2}"))
        at += count
    return lines


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
        "cause": cause,
        "clock": clock,
        "counted": counted,
        "dollars": dollars,
        "iso": iso,
        "message_link": message_link,
        "moment": moment,
        "runs": runs,
        "name": channel_name,
        "path": channel_path,
        "part_label": lambda part: _PART_LABELS[part.state],
        "reason": reason,
        "relative": relative,
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
