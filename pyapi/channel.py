"""A channel pair as a client registers it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID


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
        """
        return json.dumps(asdict(self), default=_text)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"a channel holds no {type(value).__name__}")
