"""What a broadcast says: tokens that the selling bot can read, and text that Telegram takes whatever a client wrote."""

from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyapi.channels.messages import Button, Tier, broadcast_messages, deep_link, fitting_html, start_token, tiers
from tools.bot_api.telegram_html import parse

OPEN = "-1003268562225"
ids = st.integers(10**6, 10**10 - 1).map(lambda number: f"-100{number}")
prices = st.decimals("0.01", "99999999.99", places=2)
days = st.integers(1, 32767)
# Everything that PostgreSQL stores: all characters but NUL and halves of pairs.
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@dataclass(frozen=True)
class Channel:
    """A channel as its owner filled it in."""

    open_channel_id: str = OPEN
    open_channel_title: str | None = "Morning signals"
    open_channel_description: str | None = "Free for everyone"
    closed_channel_id: str = "-1003301774906"
    closed_channel_title: str | None = "Inside"
    closed_channel_description: str | None = "Entries and exits"
    closed_channel_donation_message: str = "Buy us a breakfast."
    sub_1_price: Decimal = Decimal("5.00")
    sub_1_time: int = 30
    sub_2_price: Decimal | None = None
    sub_2_time: int | None = None
    sub_3_price: Decimal | None = field(default=None)
    sub_3_time: int | None = None


def read_token(token: str) -> tuple[str, Decimal, int]:
    """As the bot that sells reads it."""
    encoded, price, time = token.rsplit("_", 2)
    return urlsafe_b64decode(encoded).decode(), Decimal(price.replace("d", ".")), int(time)


@pytest.mark.parametrize(
    ("price", "time", "token"),
    [
        ("5.00", 30, "LTEwMDMyNjg1NjIyMjU=_5d0_30"),
        ("5", 30, "LTEwMDMyNjg1NjIyMjU=_5d0_30"),
        ("12.50", 90, "LTEwMDMyNjg1NjIyMjU=_12d5_90"),
        ("0.99", 1, "LTEwMDMyNjg1NjIyMjU=_0d99_1"),
        ("100.00", 365, "LTEwMDMyNjg1NjIyMjU=_100d0_365"),
        ("1E+3", 7, "LTEwMDMyNjg1NjIyMjU=_1000d0_7"),
    ],
)
def test_token_is_written_as_the_contract_says(price: str, time: int, token: str) -> None:
    assert start_token(OPEN, Tier(Decimal(price), time)) == token
    assert deep_link("some_bot", token) == f"https://t.me/some_bot?start={token}"


@given(ids, prices, days)
def test_token_can_be_read_back_and_is_short_enough(open_id: str, price: Decimal, time: int) -> None:
    token = start_token(open_id, Tier(price, time))
    assert read_token(token) == (open_id, price, time)
    # Telegram's limit for ?start=
    assert len(token) <= 64


def test_the_two_messages() -> None:
    channel = Channel(sub_2_price=Decimal("12.50"), sub_2_time=90)
    first, second = broadcast_messages(channel)
    assert (first.to, first.chat_id, second.to, second.chat_id) == ("open", OPEN, "closed", "-1003301774906")
    assert first.html == (
        "Welcome to Morning signals\nFree for everyone\n\n"
        "Inside\nEntries and exits\n\nChoose how long you want to join:"
    )
    assert first.buttons == [
        Button("$5.00 for 30 days", "LTEwMDMyNjg1NjIyMjU=_5d0_30"),
        Button("$12.50 for 90 days", "LTEwMDMyNjg1NjIyMjU=_12d5_90"),
    ]
    assert second.html == "Buy us a breakfast."
    assert second.buttons == [Button("Donate", callback_data=f"donate_start_{OPEN}")]


def test_channel_without_titles_is_called_by_its_id() -> None:
    first, _ = broadcast_messages(Channel(open_channel_title=None, open_channel_description=None))
    assert first.html.startswith(f"Welcome to {OPEN}\n\nInside\n")


def test_tier_without_price_or_time_has_no_button() -> None:
    assert tiers(Channel(sub_2_price=Decimal(5), sub_3_time=3)) == [Tier(Decimal("5.00"), 30)]


@given(words, words, words, words, words)
def test_text_of_clients_stays_text(title: str, description: str, inner: str, about: str, donation: str) -> None:
    channel = Channel(
        open_channel_title=title,
        open_channel_description=description,
        closed_channel_title=inner,
        closed_channel_description=about,
        closed_channel_donation_message=donation,
    )
    for message in broadcast_messages(channel):
        # parse() refuses every tag and entity that Telegram does not know, and a bare ampersand.
        text, _ = parse(message.html)
        assert text == "\n\n".join(message.paragraphs)
        assert "<" not in message.html


@given(st.lists(st.text(st.sampled_from("a&<'\"\U0001f4e2ä\n"), max_size=6000), max_size=3))
def test_no_text_is_too_long_for_telegram_and_none_is_cut_within_a_character(paragraphs: list[str]) -> None:
    html = fitting_html(paragraphs)
    assert len(html.encode("utf-16-le")) // 2 <= 4096
    text, _ = parse(html)
    whole = "\n\n".join(paragraphs)
    assert text == whole or (text.endswith("…") and whole.startswith(text[:-1]))


def test_what_just_fits_is_not_cut() -> None:
    assert fitting_html(["\U0001f4e2" * 2048]) == "\U0001f4e2" * 2048
    assert fitting_html(["a" * 4096]) == "a" * 4096
    assert fitting_html(["a" * 4097]) == "a" * 4095 + "…"
    assert fitting_html(["&" * 900]) == "&amp;" * 819 + "…"


def test_longest_channel_that_the_database_takes_is_sent_whole() -> None:
    channel = Channel(
        open_channel_title="<" * 30,
        open_channel_description="&" * 140,
        closed_channel_title='"' * 30,
        closed_channel_description="'" * 140,
        closed_channel_donation_message="&" * 256,
    )
    assert not any("…" in message.html for message in broadcast_messages(channel))
