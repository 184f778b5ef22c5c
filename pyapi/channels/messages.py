"""What a broadcast says: one message to the open channel, one to the closed one (docs/delivery.md).

Pure functions: what goes in is a channel, what comes out is the text that people read, its HTML for
Telegram, and the buttons under it.
"""

import html
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Protocol

Part = Literal["open", "closed"]

# Telegram counts after it has read the HTML, and in UTF-16 units; who counts the HTML itself, and so, is safe.
MOST_UNITS = 4096
_ELLIPSIS = "…"


class Advertised(Protocol):
    """What the messages need to know of a channel; ChannelRow is one."""

    @property
    def open_channel_id(self) -> str: ...
    @property
    def open_channel_title(self) -> str | None: ...
    @property
    def open_channel_description(self) -> str | None: ...
    @property
    def closed_channel_id(self) -> str: ...
    @property
    def closed_channel_title(self) -> str | None: ...
    @property
    def closed_channel_description(self) -> str | None: ...
    @property
    def closed_channel_donation_message(self) -> str | None: ...
    @property
    def sub_1_price(self) -> Decimal | None: ...
    @property
    def sub_1_time(self) -> int | None: ...
    @property
    def sub_2_price(self) -> Decimal | None: ...
    @property
    def sub_2_time(self) -> int | None: ...
    @property
    def sub_3_price(self) -> Decimal | None: ...
    @property
    def sub_3_time(self) -> int | None: ...


@dataclass(frozen=True)
class Tier:
    """A price in US dollars for a number of days."""

    price: Decimal
    days: int

    def __str__(self) -> str:
        return f"{dollars(self.price)} for {self.days} {'day' if self.days == 1 else 'days'}"


@dataclass(frozen=True)
class Button:
    """A button under a message: it either starts the bot with a token, or sends the bot some data back."""

    text: str
    start_token: str | None = None
    callback_data: str | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Message:
    """One message: where it goes, its paragraphs as plain text, and the buttons under it."""

    to: Part
    chat_id: str
    chat_title: str
    paragraphs: list[str]
    buttons: list[Button]

    @property
    def html(self) -> str:
        """The text in Telegram's HTML: every character of the client's escaped, never too long."""
        return fitting_html(self.paragraphs)


def dollars(price: Decimal) -> str:
    """The price as people read it, such as $5.00 or $1,250.00."""
    return f"${price:,.2f}"


def tiers(channel: Advertised) -> list[Tier]:
    """The tiers that a channel offers, one to three; none in a database that lets them be NULL."""
    found = (
        (channel.sub_1_price, channel.sub_1_time),
        (channel.sub_2_price, channel.sub_2_time),
        (channel.sub_3_price, channel.sub_3_time),
    )
    return [Tier(price, days) for price, days in found if price is not None and days is not None]


def broadcast_messages(channel: Advertised) -> list[Message]:
    """The two messages of a broadcast, in the order in which they are sent."""
    open_title = channel.open_channel_title or channel.open_channel_id
    closed_title = channel.closed_channel_title or channel.closed_channel_id
    welcome = _joined(f"Welcome to {open_title}", channel.open_channel_description)
    offer = _joined(closed_title, channel.closed_channel_description)
    return [
        Message(
            to="open",
            chat_id=channel.open_channel_id,
            chat_title=open_title,
            paragraphs=[welcome, offer, "Choose how long you want to join:"],
            buttons=[Button(str(tier), start_token(channel.open_channel_id, tier)) for tier in tiers(channel)],
        ),
        Message(
            to="closed",
            chat_id=channel.closed_channel_id,
            chat_title=closed_title,
            paragraphs=[(channel.closed_channel_donation_message or "").strip()],
            buttons=[Button("Donate", callback_data=f"donate_start_{channel.open_channel_id}")],
        ),
    ]


def start_token(open_channel_id: str, tier: Tier) -> str:
    """What the bot is started with: which channel, at which price, for how many days.

    The channel's id as base64url with padding, the price as the shortest decimal with at least one place
    and ``d`` for the point, the days: ``LTEwMDMyNjg1NjIyMjU=_5d0_30``. The bot that sells reads it.
    """
    encoded = urlsafe_b64encode(open_channel_id.encode()).decode()
    whole, _, places = f"{tier.price:f}".partition(".")
    return f"{encoded}_{whole}d{places.rstrip('0') or '0'}_{tier.days}"


def deep_link(bot_username: str, token: str) -> str:
    """The link that opens the bot and starts it with the token."""
    return f"https://t.me/{bot_username}?start={token}"


def fitting_html(paragraphs: Sequence[str]) -> str:
    """Escape the paragraphs and join them; what would be too long for Telegram ends in an ellipsis."""
    text = "\n\n".join(paragraphs)
    escaped = html.escape(text)
    if _units(escaped) <= MOST_UNITS:
        return escaped
    left = MOST_UNITS - _units(_ELLIPSIS)
    kept: list[str] = []
    for character in map(html.escape, text):
        left -= _units(character)
        if left < 0:
            break
        kept.append(character)
    return "".join(kept) + _ELLIPSIS


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _joined(title: str, description: str | None) -> str:
    return f"{title}\n{description}" if description else title
