"""A channel pair as a client registers it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from math import isfinite
from uuid import UUID

from pyapi.errors import ChannelInvalid


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One row of main_clients_database, without what the database fills in (id, updated_at).

    Names, order and defaults are the table's (sql/tables/main_clients_database.sql). Nothing is
    checked here: the table's types and constraints are the rule.

    Args:
        open_channel_id: Telegram id of the open channel, such as ``-1003268562225``.
        closed_channel_id: Telegram id of the closed channel.
        sub_1_price: price of the first tier in US dollars; tiers 2 and 3 are optional.
        sub_1_time: duration of the first tier in days.
        payout_strategy: ``instant`` or ``threshold``; the latter with payout_threshold_usd.
        client_id: the owner, a ``user_id`` of registered_users.
    """

    open_channel_id: str
    open_channel_title: str | None = None
    open_channel_description: str | None = None
    closed_channel_id: str
    closed_channel_title: str | None = None
    closed_channel_description: str | None = None
    closed_channel_donation_message: str
    sub_1_price: Decimal
    sub_1_time: int
    sub_2_price: Decimal | None = None
    sub_2_time: int | None = None
    sub_3_price: Decimal | None = None
    sub_3_time: int | None = None
    client_wallet_address: str
    client_payout_currency: str
    client_payout_network: str
    payout_strategy: str = "instant"
    payout_threshold_usd: Decimal | None = None
    payout_threshold_updated_at: datetime | None = None
    client_id: UUID
    created_by: str | None = None
    notification_status: bool = False
    notification_id: int | None = None

    def as_json(self) -> str:
        """The channel as a JSON object for the query insert_channel.

        Prices, times and ids become strings, which the database reads without loss.

        Raises:
            ChannelInvalid: a value is of a type that no column takes; ``column`` tells which.
        """
        return json.dumps({name: _plain(name, value) for name, value in asdict(self).items()})


def _plain(column: str, value: object) -> object:
    match value:
        case None | str() | int():
            return value
        case float() if isfinite(value):
            return value
        case Decimal() | UUID():
            return str(value)
        case datetime():
            return value.isoformat()
    what = value if isinstance(value, float) else type(value).__name__
    raise ChannelInvalid(f"a channel holds no {what}", table="main_clients_database", column=column)
