"""A client's channels as broadcast.client_channels() tells them: its JSON, read into rows."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, get_type_hints
from uuid import UUID

from pydantic import create_model

from pyapi.channel import Channel


@dataclass(frozen=True, kw_only=True)
class ChannelRow(Channel):
    """One channel and its broadcast; broadcast_id and what follows it is None where the row is missing.

    Prices are in US dollars, times of the tiers in days. accumulated_amount is the platform's column, None where there
    is none; problem tells what keeps the channel from being advertised, None: nothing. state is broadcast_state()'s,
    off_reason off_reason()'s, and retry_after_seconds tells how long the next manual trigger has to wait (0: not at
    all). In an older database any value may be None.
    """

    accumulated_amount: Decimal | None
    tier_count: int
    problem: str | None
    updated_at: datetime | None
    broadcast_id: UUID | None
    state: str | None
    off_reason: str | None
    retry_after_seconds: int | None
    is_active: bool | None
    next_send_time: datetime | None
    last_sent_time: datetime | None
    total_broadcasts: int | None
    successful_broadcasts: int | None
    failed_broadcasts: int | None
    consecutive_failures: int | None
    last_error_message: str | None
    last_error_time: datetime | None
    last_manual_trigger_time: datetime | None


ROW_TYPES: dict[str, Any] = get_type_hints(ChannelRow)
# Copies of the live tables have NULL in any column, and a newer database has columns that are not known here.
_NULLABLE: dict[str, Any] = {name: (kind | None, None) for name, kind in ROW_TYPES.items()}
_Values = create_model("_Values", **_NULLABLE)


@dataclass(frozen=True)
class ChannelPage:
    """A page of a client's channels, as broadcast.channel_page() gives it.

    passed is how many stand before it, matching how many fit search and state, total how many there are. states tells
    how many of those that fit the search are in which state; before and after are the places that the pages beside
    this one are asked for by, None where there is none.
    """

    rows: list[ChannelRow]
    passed: int
    matching: int
    total: int
    max_channels: int
    states: dict[str, int]
    before: list[str] | None
    after: list[str] | None


def parse_channel(text: str) -> ChannelRow:
    """The row of one channel's JSON."""
    return _row(json.loads(text, parse_float=Decimal))


def parse_page(text: str) -> ChannelPage:
    """The page of its JSON."""
    found = json.loads(text, parse_float=Decimal)
    return ChannelPage(
        rows=[_row(channel) for channel in found["channels"]],
        passed=found["passed"],
        matching=found["matching"],
        total=found["total"],
        max_channels=found["max_channels"],
        states=found["states"],
        before=found["before"],
        after=found["after"],
    )


def _row(values: dict[str, Any]) -> ChannelRow:
    return ChannelRow(**dict(_Values.model_validate(values)))
