"""The channel form: what the templates need of each field, what is filled in, and what is wrong with what was typed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import SimpleNamespace
from typing import Any, Literal

from pydantic import ValidationError

from pyapi.channels.field_problems import field_problems
from pyapi.channels.fields import FIELDS, ChannelChanges, ChannelRegistration, Schedule, form_attributes
from pyapi.channels.messages import Advertised
from pyapi.channels.rows import ChannelRow
from pyapi.errors import (
    BroadcastError,
    ChannelFieldsInvalid,
    ChannelLimitReached,
    ChannelPairTaken,
    RuleError,
)

_TIER_FIELDS = tuple(f"sub_{n}_{part}" for n in (1, 2, 3) for part in ("price", "time"))
_REQUIRED = "is required"
AMOUNTS = ("sub_1_price", "sub_2_price", "sub_3_price", "payout_threshold_usd")


@dataclass(frozen=True)
class FormField:
    """One field as the form shows it; attributes are those of its element in HTML."""

    label: str
    hint: str
    attributes: Mapping[str, int | str]


FORM_FIELDS = {
    name: FormField(
        field.title or name,
        field.description or "",
        form_attributes(name) | ({"required": ""} if field.is_required() else {}),
    )
    for name, field in FIELDS.items()
}


class FormInvalid(Exception):
    """What was typed cannot be taken; errors is a message for each field that is wrong."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("the form is not valid")
        self.errors = errors


def empty_values() -> dict[str, str]:
    """What a form for a new channel begins with."""
    return dict.fromkeys(FIELDS, "") | {"tier_count": "1", "payout_strategy": "instant"}


def typed_values(fields: Mapping[str, str]) -> dict[str, str]:
    """What was typed, without blanks around it, to be shown again and to be checked."""
    typed = {name: fields.get(name, "").strip().replace("\r\n", "\n") for name in FIELDS}
    return typed | {name: _plain_amount(typed[name]) for name in AMOUNTS}


def _plain_amount(text: str) -> str:
    """An amount as people write it, such as $1,250.00 or 5,50 or 1.250,00 $, with a point and nothing else."""
    amount = text.replace("$", "").replace(" ", "").replace("\u00a0", "")
    if not re.fullmatch(r"-?[0-9][0-9.,]*", amount, re.ASCII):
        return text
    whole, comma, cents = amount.rpartition(",")
    if comma and len(cents) <= 2 and "," not in whole:
        return f"{whole.replace('.', '')}.{cents}" if cents else whole.replace(".", "")
    if re.fullmatch(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", amount, re.ASCII):
        return amount.replace(",", "")
    return amount


def typed_schedule(fields: Mapping[str, str]) -> Schedule:
    """The schedule that was chosen; the database checks it."""
    chosen = fields.get("schedule", "interval")
    kind: Literal["interval", "daily", "by_hand"] = (
        "daily" if chosen == "daily" else "by_hand" if chosen == "by_hand" else "interval"
    )
    if kind != "daily":
        return Schedule(kind=kind)
    # Some browsers add the seconds.
    send_at, time_zone = (fields.get(name, "").replace("\x00", "").strip() for name in ("send_at", "time_zone"))
    return Schedule(kind=kind, send_at=send_at[:5], time_zone=time_zone[:64])


def draft(values: Mapping[str, str]) -> Advertised:
    """The channel as far as it was typed, for a preview: what is missing or wrong is left out."""

    def number(name: str) -> Decimal | None:
        try:
            found = Decimal(values[name])
        except InvalidOperation:
            return None
        return found if found.is_finite() and 0 < found < 10**8 else None

    tier_count = int(values["tier_count"]) if values["tier_count"] in {"1", "2", "3"} else 1
    offered: dict[str, Any] = {}
    for tier in (1, 2, 3):
        price, days = number(f"sub_{tier}_price"), number(f"sub_{tier}_time")
        offered[f"sub_{tier}_price"] = price if tier <= tier_count else None
        offered[f"sub_{tier}_time"] = int(days) if days is not None and tier <= tier_count else None
    texts = {name: values[name] for name in FIELDS if name.startswith(("open_", "closed_"))}
    ids = {
        "open_channel_id": values["open_channel_id"] or "Open channel",
        "closed_channel_id": values["closed_channel_id"] or "Closed channel",
    }
    made: Advertised = SimpleNamespace(**{**texts, **ids, **offered})
    return made


def values_of(channel: ChannelRow) -> dict[str, str]:
    """A channel as the form shows it."""
    values = {name: getattr(channel, name) for name in FIELDS}
    shown = {name: "" if value is None else str(value).strip().replace("\r\n", "\n") for name, value in values.items()}
    return shown | {
        "notification_status": "true" if channel.notification_status else "",
        "payout_strategy": channel.payout_strategy or "instant",
    }


def registration(values: Mapping[str, str]) -> ChannelRegistration:
    """The channel that was typed.

    Raises:
        FormInvalid: a field is missing or has not the shape it must have.
    """
    given = _given(values)
    # The model takes an empty description; a message that offers something needs one.
    missing = {name: _REQUIRED for name, field in FIELDS.items() if field.is_required() and given[name] is None}
    tier_count = int(values["tier_count"]) if values["tier_count"] in {"1", "2", "3"} else 1
    missing |= {name: _REQUIRED for name in _TIER_FIELDS[: 2 * tier_count] if given[name] is None}
    try:
        channel = ChannelRegistration.model_validate(
            {name: value for name, value in given.items() if value is not None}
        )
    except ValidationError as error:
        raise FormInvalid(_in_order(field_problems(error.errors(include_url=False)) | missing)) from None
    if missing:
        raise FormInvalid(_in_order(missing))
    return channel


def changes(before: Mapping[str, str], values: Mapping[str, str]) -> ChannelChanges:
    """What was changed in a form that was filled in with the values before.

    Only that is sent: a channel that was registered under other rules can still be edited.

    Raises:
        FormInvalid: a changed field has not the shape it must have.
    """
    given = _given(values)
    changed = {
        name: value for name, value in given.items() if values[name] != before[name] and name in _relevant(values)
    }
    if changed.keys() & set(_TIER_FIELDS):
        changed["tier_count"] = given["tier_count"]
    missing = {name: _REQUIRED for name, value in changed.items() if value is None and FIELDS[name].is_required()}
    try:
        checked = ChannelChanges.model_validate(changed)
    except ValidationError as error:
        raise FormInvalid(_in_order(field_problems(error.errors(include_url=False)) | missing)) from None
    if missing:
        raise FormInvalid(_in_order(missing))
    return checked


def refusal(error: RuleError) -> tuple[int, str | None, dict[str, str]]:
    """What the database's refusal means for the form: HTTP status, a sentence for the whole, messages by field.

    A form that is shown again is an answer like any other: browsers log a page with another status as an error.
    """
    match error:
        case ChannelFieldsInvalid():
            return 200, None, _in_order(error.details)
        case ChannelLimitReached():
            return 200, f"You have {error.max_channels} channels, and an account can have no more.", {}
        case ChannelPairTaken():
            return 200, None, {"closed_channel_id": "is registered already with this open channel"}
        case BroadcastError():
            return (
                500,
                "The channel's broadcast could not be set up, so nothing was stored. Please tell the operators.",
                {},
            )
    return 200, "The database did not take one of these values.", {}


def _relevant(values: Mapping[str, str]) -> set[str]:
    # What the form hides does not count, whatever it holds.
    hidden: set[str] = set()
    if values["tier_count"] in {"1", "2"}:
        hidden |= set(_TIER_FIELDS[2 * int(values["tier_count"]) :])
    if values["payout_strategy"] == "instant":
        hidden.add("payout_threshold_usd")
    if not values["notification_status"]:
        hidden.add("notification_id")
    return set(FIELDS) - hidden


def _given(values: Mapping[str, str]) -> dict[str, Any]:
    relevant = _relevant(values)
    given: dict[str, Any] = {name: values[name] or None if name in relevant else None for name in FIELDS}
    return given | {"notification_status": bool(values["notification_status"])}


def _in_order(errors: Mapping[str, str]) -> dict[str, str]:
    # The summary names them in the order in which the form has them.
    return {name: errors[name] for name in FIELDS if name in errors} | dict(errors)
