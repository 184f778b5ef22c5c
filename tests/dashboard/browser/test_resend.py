"""Resend Notification: what is asked, what is then seen, and how long the button waits."""

from typing import Any

import psycopg
from playwright.sync_api import Page, expect

from tests.api.calls import Person
from tests.dashboard.browser.steps import COUNTDOWN, card, expect_state, set_broadcast
from tools.databases import add_channel, broadcast_id

Conn = psycopg.Connection[Any]


def test_resend_says_what_is_sent_then_counts_down(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    set_broadcast(owner_conn, pair, "broadcast_status = 'completed', next_send_time = now() + interval '1 day'")
    expect_state(page, pair, "Sent")
    card(page, pair).get_by_role("button", name="Resend Notification").click()

    to_open = page.get_by_role("region", name="To the open channel")
    to_closed = page.get_by_role("region", name="To the closed channel")
    expect(to_open).to_contain_text(pair[0])
    expect(to_open).to_contain_text("What moved over night, free for everyone")
    expect(to_open.get_by_role("listitem")).to_have_text(["$5.00 for 30 days", "$12.50 for 90 days"])
    expect(to_closed).to_contain_text(pair[1])
    expect(to_closed).to_contain_text("If the signals paid for your breakfast, buy us one.")
    page.get_by_role("button", name="Send now").click()

    expect(page.get_by_text("The two messages are queued")).to_be_visible()
    expect_state(page, pair, "Queued")
    button = card(page, pair).get_by_role("button", name="Wait")
    expect(button).to_be_disabled()
    expect(button).to_contain_text(COUNTDOWN)
    page.reload()
    expect(button).to_be_disabled()
    expect(button).to_contain_text(COUNTDOWN)
    page.goto(f"/channels/{pair[0]}/{pair[1]}/resend")
    expect(page.get_by_role("button", name=COUNTDOWN)).to_be_disabled()


def test_countdown_counts_and_ends(page: Page, person: Person, owner_conn: Conn) -> None:
    owner_conn.execute("UPDATE broadcast.settings SET manual_trigger_interval = '3 s'")
    pair = add_channel(owner_conn, person.user_id)
    page.goto(f"/channels/{pair[0]}/{pair[1]}/resend")
    page.get_by_role("button", name="Send now").click()
    act = card(page, pair).locator("[data-key=act]")
    expect(act).to_contain_text("Wait 0:01")
    expect(act).to_contain_text("Resend Notification")
    expect(act).to_be_enabled()


def test_state_changes_are_seen_as_they_happen(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    shown = card(page, pair)
    expect_state(page, pair, "Queued")
    page.evaluate("window.sameDocument = true")

    set_broadcast(owner_conn, pair, "broadcast_status = 'in_progress'")
    expect_state(page, pair, "Sending")
    expect(shown.get_by_role("button", name="Sending…")).to_be_disabled()
    expect(page.locator("#news")).to_have_text("Morning signals: Sending")

    set_broadcast(
        owner_conn,
        pair,
        "broadcast_status = 'completed', last_sent_time = now(), next_send_time = now() + interval '1 day',"
        " total_broadcasts = 1, successful_broadcasts = 1",
    )
    expect_state(page, pair, "Sent")
    expect(shown.locator(".facts div", has_text="Sent").get_by_role("definition")).to_have_text("1")
    expect(shown.locator(".facts time")).to_have_count(2)
    expect(page.locator("#news")).to_have_text("Morning signals: Sent")

    set_broadcast(
        owner_conn,
        pair,
        "broadcast_status = 'failed', failed_broadcasts = 1, consecutive_failures = 1, last_error_time = now(),"
        " last_error_message = %s",
        "The bot is not an administrator <b>here</b>",
    )
    expect_state(page, pair, "Failed")
    expect(shown).to_contain_text("The last send failed. The bot is not an administrator <b>here</b>")

    set_broadcast(owner_conn, pair, "consecutive_failures = 5")
    owner_conn.execute("SELECT broadcast.switch_off(id, 'failures') FROM public.broadcast_manager")
    expect_state(page, pair, "Switched off")
    expect(shown).to_contain_text("Switched off after 5 failures in a row.")
    expect(shown.get_by_role("button", name="Resend Notification")).to_have_count(0)
    assert page.evaluate("window.sameDocument") is True

    shown.get_by_role("button", name="Switch on again").click()
    page.get_by_role("button", name="Switch on").click()
    expect(page.get_by_text("The broadcast is switched on again, and goes out at its next turn.")).to_be_visible()
    page.get_by_role("link", name="Channels").click()
    expect(shown.get_by_role("button", name="Resend Notification")).to_be_enabled()


def test_send_whose_fate_is_unknown_is_shown_as_such(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    set_broadcast(owner_conn, pair, "broadcast_status = 'failed', next_send_time = now() + interval '1 day'")
    expect_state(page, pair, "Failed")
    with owner_conn.transaction():
        owner_conn.execute(
            "INSERT INTO broadcast.deliveries (broadcast_id, finished_at, outcome) VALUES (%s, now(), 'unknown')",
            [broadcast_id(owner_conn, pair)],
        )
        set_broadcast(owner_conn, pair, "updated_at = now()")
    expect_state(page, pair, "Unknown")
    expect(card(page, pair)).to_contain_text("It is not known whether the last messages were sent.")


def test_broadcast_that_falls_due_is_shown_as_queued(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    set_broadcast(owner_conn, pair, "next_send_time = now() + interval '3 s'")
    expect_state(page, pair, "Scheduled")
    # Nothing is written when it falls due, so no notification comes: the page knows the time.
    expect_state(page, pair, "Queued")
