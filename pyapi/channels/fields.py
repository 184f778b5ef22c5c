"""What a client may say of a channel: the one table of its fields, and what is made of it.

A field is a type with its limits, a label (title), where it helps a hint (description), an example, and a default where
it may be left out. Rules across fields, and which values are too small, are the database's
(sql/channels/checked_channel.sql).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, get_args, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    WithJsonSchema,
    create_model,
)

# What the column allows, not what new channels must have: older channels are found as well.
STORED_ID = r"^-?[0-9]{5,14}$"
CHANNEL_ID = r"^-100[0-9]{6,10}$"
# PostgreSQL's text holds no NUL.
NO_NUL = r"^[^\x00]*$"
# What is wrong where a pattern does not match.
PATTERN_PROBLEMS = {
    CHANNEL_ID: "must begin with -100 and have 10 to 14 characters",
    NO_NUL: "must not hold the character NUL",
}
_WHOLE = r"^-?[0-9]{1,15}$"
_AMOUNT = r"^-?[0-9]{1,8}(\.[0-9]{1,2})?$"


@dataclass(frozen=True)
class Typed:
    """How a value is typed in a form: with so many characters at most, on which keyboard."""

    maxlength: int
    inputmode: Literal["text", "decimal", "numeric"] = "text"


def _number(pattern: str) -> Callable[[Any], Any]:
    # JSON's true is no 1; of text only plain digits pass, as forms send them.
    def check(value: Any) -> Any:
        if isinstance(value, bool) or (isinstance(value, str) and not re.fullmatch(pattern, value, re.ASCII)):
            raise ValueError("must be a number")
        return value

    return check


def _or_text(number: dict[str, Any], pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": pattern}]})


ChannelId: TypeAlias = Annotated[str, StringConstraints(pattern=CHANNEL_ID), Typed(14)]
Title: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=30, pattern=NO_NUL)]
Description: TypeAlias = Annotated[str, StringConstraints(max_length=140, pattern=NO_NUL)]
DonationMessage: TypeAlias = Annotated[str, StringConstraints(max_length=256, pattern=NO_NUL)]
WalletAddress: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=95, pattern=NO_NUL)]
CurrencyOrNetwork: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=NO_NUL)]
# numeric(10, 2), in US dollars.
Amount: TypeAlias = Annotated[
    Decimal,
    Field(max_digits=10, decimal_places=2, allow_inf_nan=False),
    Typed(11, "decimal"),
    BeforeValidator(_number(_AMOUNT)),
    _or_text({"type": "number", "minimum": -99999999.99, "maximum": 99999999.99, "multipleOf": 0.01}, _AMOUNT),
]
# smallint.
Days: TypeAlias = Annotated[
    int,
    Field(ge=-32768, le=32767),
    Typed(5, "numeric"),
    BeforeValidator(_number(_WHOLE)),
    _or_text({"type": "integer", "minimum": -32768, "maximum": 32767}, _WHOLE),
]
TierCount: TypeAlias = Annotated[
    int,
    Field(ge=1, le=3),
    BeforeValidator(_number(_WHOLE)),
    _or_text({"type": "integer", "minimum": 1, "maximum": 3}, "^[123]$"),
]
NotificationId: TypeAlias = Annotated[
    int,
    Field(ge=10_000, le=999_999_999_999_999),
    Typed(15, "numeric"),
    BeforeValidator(_number(_WHOLE)),
    _or_text({"type": "integer", "minimum": 10_000, "maximum": 999_999_999_999_999}, "^[1-9][0-9]{4,14}$"),
]
PayoutStrategy: TypeAlias = Literal["instant", "threshold"]


class ChannelRegistration(BaseModel):
    """A new channel. Numbers may come as text of plain digits, as forms send them; other keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    open_channel_id: ChannelId = Field(
        title="Open channel id", description="Begins with -100, 10 to 14 characters.", examples=["-1003268562225"]
    )
    open_channel_title: Title = Field(title="Open channel title", examples=["Morning signals"])
    open_channel_description: Description = Field(
        title="Open channel description", examples=["What moved over night, free for everyone"]
    )
    closed_channel_id: ChannelId = Field(
        title="Closed channel id", description="Begins with -100, 10 to 14 characters.", examples=["-1003301774906"]
    )
    closed_channel_title: Title = Field(title="Closed channel title", examples=["Morning signals, inside"])
    closed_channel_description: Description = Field(
        title="Closed channel description", examples=["Entries, exits and the reasons for them"]
    )
    closed_channel_donation_message: DonationMessage = Field(
        title="Donation message",
        description="10 to 256 characters.",
        examples=["If the signals paid for your breakfast, buy us one."],
    )
    tier_count: TierCount = Field(title="Number of tiers", examples=[3])
    sub_1_price: Amount = Field(title="Tier 1 price in $", examples=[5.0])
    sub_1_time: Days = Field(title="Tier 1 days", examples=[30])
    sub_2_price: Amount | None = Field(None, title="Tier 2 price in $", examples=[12.5])
    sub_2_time: Days | None = Field(None, title="Tier 2 days", examples=[90])
    sub_3_price: Amount | None = Field(None, title="Tier 3 price in $", examples=[40.0])
    sub_3_time: Days | None = Field(None, title="Tier 3 days", examples=[365])
    client_wallet_address: WalletAddress = Field(
        title="Wallet address", examples=["0x71C7656EC7ab88b098defB751B7401B5f6d8976F"]
    )
    client_payout_currency: CurrencyOrNetwork = Field(title="Payout currency", examples=["USDT"])
    client_payout_network: CurrencyOrNetwork = Field(title="Payout network", examples=["ETH"])
    payout_strategy: PayoutStrategy = Field("instant", title="When to pay out", examples=["threshold"])
    payout_threshold_usd: Amount | None = Field(None, title="Threshold in $", examples=[100.0])
    notification_status: StrictBool = Field(False, title="Notifications", examples=[True])
    notification_id: NotificationId | None = Field(
        None, title="Your Telegram id", description="5 to 15 digits.", examples=[6271402111]
    )


class Schedule(BaseModel):
    """When a broadcast is sent: so long after the last one (interval), every day at a local time, or by hand only.

    send_at and time_zone are for daily; otherwise they are ignored. The database checks them.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    kind: Literal["interval", "daily", "by_hand"]
    send_at: Annotated[str, StringConstraints(max_length=5, pattern=NO_NUL)] | None = Field(
        default=None, examples=["09:00"]
    )
    time_zone: Annotated[str, StringConstraints(max_length=64, pattern=NO_NUL)] | None = Field(
        default=None, examples=["Europe/Berlin"]
    )


class PlannedRegistration(ChannelRegistration):
    """A new channel, and when it is sent: the first time, and every time."""

    first_send: Annotated[str, StringConstraints(max_length=40, pattern=NO_NUL)] | None = Field(
        default=None,
        title="First send",
        description="next_turn, or a moment such as 2026-12-01T09:00:00Z; without it the broadcast is due at once.",
        examples=["next_turn"],
    )
    schedule: Schedule | None = Field(
        default=None, title="Schedule", description="Without it: 24 hours after the last."
    )


FIELDS = ChannelRegistration.model_fields
_TYPES: Mapping[str, Any] = get_type_hints(ChannelRegistration, include_extras=True)

if TYPE_CHECKING:
    # A model that code makes is no type to mypy.
    ChannelChanges: TypeAlias = ChannelRegistration
else:
    ChannelChanges = create_model(
        "ChannelChanges",
        __base__=ChannelRegistration,
        __doc__="What is to change of a channel: only the fields that are given do, and null empties one.",
        **{
            name: (_TYPES[name] | None, Field(None, title=field.title, description=field.description))
            for name, field in FIELDS.items()
        },
    )


def to_json(channel: ChannelRegistration) -> str:
    """The fields as the JSON object that register_channel() and update_channel() take.

    Amounts become strings, which the database reads without loss. Of changes only the given fields are in it.
    """
    return channel.model_dump_json(exclude_unset=isinstance(channel, ChannelChanges))


def form_attributes(name: str) -> dict[str, int | str]:
    """The attributes maxlength and inputmode of the field's element in a form, as far as its type tells them."""
    types = (_TYPES[name], *get_args(_TYPES[name]))
    for limit in (part for one in types for part in getattr(one, "__metadata__", ())):
        if isinstance(limit, Typed):
            return {"maxlength": limit.maxlength, "inputmode": limit.inputmode}
        if isinstance(limit, StringConstraints) and limit.max_length:
            return {"maxlength": limit.max_length}
    return {}
