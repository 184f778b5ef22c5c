"""The JSON objects that the API takes and gives, beside the channel of channels/fields.py.

Answers that the database writes (ChannelAnswer, ChannelList) are here for the OpenAPI document only.
"""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from pyapi.channels.broadcast_requests import OffReason, StateName
from pyapi.channels.deliveries import Delivery
from pyapi.channels.fields import FIELDS, NO_NUL, Schedule
from pyapi.channels.rows import ROW_TYPES


class ErrorAnswer(BaseModel):
    """Any failure. What more it says depends on its code."""

    success: Literal[False]
    error: str
    code: str
    details: dict[str, str] | None = None
    retry_after_seconds: int | None = None


class LoginRequest(BaseModel):
    """Name and password."""

    model_config = ConfigDict(hide_input_in_errors=True)

    username: Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=NO_NUL)]
    password: Annotated[str, StringConstraints(max_length=1024)]


class UserAnswer(BaseModel):
    """A user."""

    model_config = ConfigDict(from_attributes=True)

    user_id: UUID
    username: str
    email: str | None
    email_verified: bool
    created_at: datetime | None
    last_login: datetime | None


class AccessToken(BaseModel):
    """A token for the header Authorization, good for expires_in seconds."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: int


class LoginAnswer(UserAnswer, AccessToken):
    """The user who signed in, with the tokens."""

    refresh_token: str


# Told in another way than the row of channels/rows.py keeps them: numbers stay within JavaScript's.
_AS_JSON: dict[str, Any] = {"notification_id": str | None, "state": StateName | None, "off_reason": OffReason | None}


def _as_json(name: str, kind: Any) -> Any:
    amount = {Decimal: float, Decimal | None: float | None}
    title = FIELDS[name].title if name in FIELDS else None
    return _AS_JSON.get(name, amount.get(kind, kind)), Field(title=title)


if TYPE_CHECKING:
    # A model that code makes is no type to mypy.
    ChannelAnswer: TypeAlias = BaseModel
else:
    ChannelAnswer = create_model(
        "ChannelAnswer",
        __doc__="A channel and its broadcast; broadcast_id is null only in a database that was not upgraded.",
        **{name: _as_json(name, kind) for name, kind in ROW_TYPES.items()},
    )


class ChannelList(BaseModel):
    """The channels of the caller."""

    channels: list[ChannelAnswer]
    count: int
    max_channels: int


class ChannelDone(BaseModel):
    """A channel was registered or changed; channel_id is the open channel's."""

    success: Literal[True] = True
    message: str
    channel_id: str
    broadcast_id: UUID


class ChannelUpdated(ChannelDone):
    """A channel was changed, and is like this now."""

    channel: ChannelAnswer


class ChannelDeleted(BaseModel):
    """A channel was deleted, and its broadcast with it."""

    success: Literal[True] = True
    message: str
    channel_id: str
    broadcast_id: UUID | None


class BroadcastRequest(BaseModel):
    """Which broadcast."""

    model_config = ConfigDict(hide_input_in_errors=True)

    broadcast_id: UUID


class SwitchOnRequest(BroadcastRequest):
    """Which broadcast, and whether it is sent now or at its next turn."""

    first_send: Literal["now", "next_turn"] = "next_turn"


class ScheduleRequest(BroadcastRequest):
    """Which broadcast, and when it is to be sent."""

    schedule: Schedule


class History(BaseModel):
    """Deliveries of a broadcast, the newest first; older ones come with before, the last one's id."""

    deliveries: list[Delivery]


class BroadcastDone(BaseModel):
    """A broadcast was triggered, switched on, paused, skipped or planned anew."""

    success: Literal[True] = True
    message: str
    broadcast_id: UUID


class NetworkCurrency(BaseModel):
    """A currency that is paid out on a network."""

    currency: str
    currency_name: str


class CurrencyNetwork(BaseModel):
    """A network on which a currency is paid out."""

    network: str
    network_name: str


class CurrencyNetworks(BaseModel):
    """Which payout currencies and networks go together, by code; a name that is not known is the code."""

    network_to_currencies: dict[str, list[NetworkCurrency]]
    currency_to_networks: dict[str, list[CurrencyNetwork]]
    networks_with_names: dict[str, str]
    currencies_with_names: dict[str, str]


class Health(BaseModel):
    """All is well."""

    status: Literal["healthy"]
    database: Literal["ok"]
    rule: dict[str, bool]


class Unhealthy(ErrorAnswer):
    """What is not well: the database, or a part of the rule."""

    status: Literal["unhealthy"]
    database: Literal["ok", "unavailable", "not_ready"]
    rule: dict[str, bool]


class ExecuteResult(BaseModel):
    """How one broadcast of a round ended: sent, unknown, failed, switched_off, released, channel_gone or lost."""

    model_config = ConfigDict(from_attributes=True)

    broadcast_id: UUID
    outcome: str
    error: str | None = None


class ExecuteAnswer(BaseModel):
    """What one round did; those of unknown fate count as failed."""

    success: Literal[True] = True
    total_broadcasts: int
    successful: int
    failed: int
    execution_time_seconds: float
    results: list[ExecuteResult]
