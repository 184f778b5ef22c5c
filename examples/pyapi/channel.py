"""The channel that the examples register."""

from decimal import Decimal
from uuid import UUID

from pyapi import Channel


def new_channel(client_id: UUID, open_channel_id: str, closed_channel_id: str) -> Channel:
    return Channel(
        client_id=client_id,
        open_channel_id=open_channel_id,
        open_channel_title="Chess",
        open_channel_description="A puzzle a day",
        closed_channel_id=closed_channel_id,
        closed_channel_title="Chess inside",
        closed_channel_description="The solutions",
        closed_channel_donation_message="Thank you!",
        sub_1_price=Decimal("5.00"),
        sub_1_time=30,
        client_wallet_address="0x71C7",
        client_payout_currency="USDT",
        client_payout_network="ETH",
    )
