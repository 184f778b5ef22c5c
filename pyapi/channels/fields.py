"""What a client may say of a channel: the shape of each field, from the columns of main_clients_database.

Rules across fields, and which values are too small, are the database's (sql/channels/checked_channel.sql).
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints, WithJsonSchema

CHANNEL_ID = r"^-100[0-9]{6,10}$"
# PostgreSQL's text holds no NUL.
NO_NUL = r"^[^\x00]*$"
_WHOLE = r"^-?[0-9]{1,15}$"
_AMOUNT = r"^-?[0-9]{1,8}(\.[0-9]{1,2})?$"


def _number(pattern: str) -> Callable[[Any], Any]:
    # JSON's true is no 1; of text only plain digits pass, as forms send them.
    def check(value: Any) -> Any:
        if isinstance(value, bool) or (isinstance(value, str) and not re.fullmatch(pattern, value, re.ASCII)):
            raise ValueError("must be a number")
        return value

    return check


def _or_text(number: dict[str, Any], pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": pattern}]})


ChannelId: TypeAlias = Annotated[str, StringConstraints(pattern=CHANNEL_ID)]
Title: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=30, pattern=NO_NUL)]
Description: TypeAlias = Annotated[str, StringConstraints(max_length=140, pattern=NO_NUL)]
DonationMessage: TypeAlias = Annotated[str, StringConstraints(max_length=256, pattern=NO_NUL)]
WalletAddress: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=95, pattern=NO_NUL)]
CurrencyOrNetwork: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=NO_NUL)]
# numeric(10, 2), in US dollars.
Amount: TypeAlias = Annotated[
    Decimal,
    Field(max_digits=10, decimal_places=2, allow_inf_nan=False),
    BeforeValidator(_number(_AMOUNT)),
    _or_text({"type": "number", "minimum": -99999999.99, "maximum": 99999999.99, "multipleOf": 0.01}, _AMOUNT),
]
# smallint.
Days: TypeAlias = Annotated[
    int,
    Field(ge=-32768, le=32767),
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
    BeforeValidator(_number(_WHOLE)),
    _or_text({"type": "integer", "minimum": 10_000, "maximum": 999_999_999_999_999}, "^[1-9][0-9]{4,14}$"),
]
PayoutStrategy: TypeAlias = Literal["instant", "threshold"]


class ChannelRegistration(BaseModel):
    """A new channel. Numbers may come as text of plain digits, as forms send them; other keys are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    open_channel_id: ChannelId
    open_channel_title: Title
    open_channel_description: Description
    closed_channel_id: ChannelId
    closed_channel_title: Title
    closed_channel_description: Description
    closed_channel_donation_message: DonationMessage
    tier_count: TierCount
    sub_1_price: Amount
    sub_1_time: Days
    sub_2_price: Amount | None = None
    sub_2_time: Days | None = None
    sub_3_price: Amount | None = None
    sub_3_time: Days | None = None
    client_wallet_address: WalletAddress
    client_payout_currency: CurrencyOrNetwork
    client_payout_network: CurrencyOrNetwork
    payout_strategy: PayoutStrategy = "instant"
    payout_threshold_usd: Amount | None = None
    notification_status: StrictBool = False
    notification_id: NotificationId | None = None


class ChannelChanges(BaseModel):
    """What is to change of a channel: only the fields that are given do, and null empties one."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    open_channel_id: ChannelId | None = None
    open_channel_title: Title | None = None
    open_channel_description: Description | None = None
    closed_channel_id: ChannelId | None = None
    closed_channel_title: Title | None = None
    closed_channel_description: Description | None = None
    closed_channel_donation_message: DonationMessage | None = None
    tier_count: TierCount | None = None
    sub_1_price: Amount | None = None
    sub_1_time: Days | None = None
    sub_2_price: Amount | None = None
    sub_2_time: Days | None = None
    sub_3_price: Amount | None = None
    sub_3_time: Days | None = None
    client_wallet_address: WalletAddress | None = None
    client_payout_currency: CurrencyOrNetwork | None = None
    client_payout_network: CurrencyOrNetwork | None = None
    payout_strategy: PayoutStrategy | None = None
    payout_threshold_usd: Amount | None = None
    notification_status: StrictBool | None = None
    notification_id: NotificationId | None = None


def to_json(channel: ChannelRegistration | ChannelChanges) -> str:
    """The fields as the JSON object that register_channel() and update_channel() take.

    Amounts become strings, which the database reads without loss. Of changes only the given fields are in it.
    """
    return channel.model_dump_json(exclude_unset=isinstance(channel, ChannelChanges))
