"""What people do on the pages."""

import re
from typing import Any

import psycopg
from playwright.sync_api import Locator, Page, expect

from tools.databases import new_channel_id

COUNTDOWN = re.compile(r"Wait [0-4]:[0-5][0-9]")


def fill_channel_form(page: Page, **changes: str) -> tuple[str, str]:
    """Fill in the form for a channel with two tiers, and give the pair of ids that was typed."""
    typed = {
        "Open channel id": new_channel_id(),
        "Open channel title": "Morning signals",
        "Open channel description": "What moved over night, free for everyone",
        "Closed channel id": new_channel_id(),
        "Closed channel title": "Morning signals, inside",
        "Closed channel description": "Entries, exits and the reasons for them",
        "Donation message": "If the signals paid for your breakfast, buy us one.",
        "Tier 1 price in $": "5.00",
        "Tier 1 days": "30",
        "Wallet address": "0x71C7656EC7ab88b098defB751B7401B5f6d8976F",
        "Payout currency": "USDT",
        "Payout network": "ETH",
        **changes,
    }
    for label, text in typed.items():
        page.get_by_label(label, exact=True).fill(text)
    return typed["Open channel id"], typed["Closed channel id"]


def card(page: Page, pair: tuple[str, str]) -> Locator:
    """A channel's card in the list."""
    return page.locator("li.card").filter(has_text=pair[0]).filter(has_text=pair[1])


def expect_state(page: Page, pair: tuple[str, str], state: str) -> None:
    """Wait until the card shows the state."""
    expect(card(page, pair).locator(".state")).to_have_text(f"State: {state}")


def set_broadcast(conn: psycopg.Connection[Any], pair: tuple[str, str], changes: str, *values: object) -> None:
    """Write a broadcast row as a worker does."""
    conn.execute(
        f"UPDATE public.broadcast_manager SET {changes} WHERE open_channel_id = %s AND closed_channel_id = %s",
        [*values, *pair],
    )
