"""The JSON objects that the API takes and gives, beside the channel of channel_fields.py."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints

from pyapi.channels.fields import NO_NUL


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
    email: str
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


class ChannelAnswer(BaseModel):
    """A channel; broadcast_id is null only in a database that was not upgraded."""

    model_config = ConfigDict(from_attributes=True)

    open_channel_id: str
    open_channel_title: str | None
    open_channel_description: str | None
    closed_channel_id: str
    closed_channel_title: str | None
    closed_channel_description: str | None
    closed_channel_donation_message: str
    tier_count: int
    sub_1_price: float
    sub_1_time: int
    sub_2_price: float | None
    sub_2_time: int | None
    sub_3_price: float | None
    sub_3_time: int | None
    client_wallet_address: str
    client_payout_currency: str
    client_payout_network: str
    payout_strategy: str | None
    payout_threshold_usd: float | None
    payout_threshold_updated_at: datetime | None
    client_id: UUID
    created_by: str | None
    updated_at: datetime | None
    notification_status: bool
    notification_id: Annotated[str | None, BeforeValidator(lambda number: number if number is None else str(number))]
    broadcast_id: UUID | None


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


class BroadcastDone(BaseModel):
    """A broadcast was triggered or switched on."""

    success: Literal[True] = True
    message: str
    broadcast_id: UUID


class BroadcastAnswer(BaseModel):
    """How a broadcast stands; state puts the same in one word, retry_after_seconds is 0 when it may be triggered."""

    model_config = ConfigDict(from_attributes=True)

    broadcast_id: UUID
    open_channel_id: str
    closed_channel_id: str
    broadcast_status: str | None
    state: Literal["off", "sending", "queued", "failed", "unknown", "sent", "skipped", "scheduled"]
    is_active: bool | None
    next_send_time: datetime | None
    last_sent_time: datetime | None
    last_manual_trigger_time: datetime | None
    manual_trigger_count: int
    total_broadcasts: int
    successful_broadcasts: int
    failed_broadcasts: int
    consecutive_failures: int
    last_error_message: str | None
    last_error_time: datetime | None
    retry_after_seconds: int


class Health(BaseModel):
    """All is well."""

    status: Literal["healthy"]
    database: Literal["ok"]
    rule: dict[str, bool]


class Illness(ErrorAnswer):
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
