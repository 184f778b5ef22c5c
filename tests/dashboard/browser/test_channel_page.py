"""A channel's page as its owner uses it: see what is sent, choose a time, pause, resume, skip, read the history."""

import re
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.api.calls import Person
from tests.dashboard.browser.conftest import Desk, sign_in
from tests.dashboard.browser.steps import card, expect_state, fill_channel_form, set_broadcast
from tests.dashboard.browser.test_pages import serious_findings
from tools.databases import add_channel, broadcast_id

Conn = psycopg.Connection[Any]
PHONE = {"width": 390, "height": 844}


def sent(conn: Conn, pair: tuple[str, str], outcome: str = "sent", error: str | None = None) -> None:
    """A delivery of a day ago, as a worker leaves it."""
    conn.execute(
        "WITH d AS (INSERT INTO broadcast.deliveries (broadcast_id, started_at, finished_at, outcome)"
        " VALUES (%(id)s, now() - interval '1 day', now() - interval '1 day', %(outcome)s) RETURNING id)"
        " INSERT INTO broadcast.delivery_parts"
        " (delivery_id, part, attempt, chat_id, state, send_at, decided_at, message_id, error_code, error_message)"
        " SELECT d.id, p.part, 1, p.chat, CASE p.part WHEN 'open' THEN 'sent' ELSE %(outcome)s END, now(), now(),"
        " CASE WHEN p.part = 'open' OR %(outcome)s = 'sent' THEN 4711 END,"
        " CASE WHEN p.part = 'closed' THEN 'kicked' END, CASE WHEN p.part = 'closed' THEN %(error)s END"
        " FROM d, (VALUES ('open', %(open)s), ('closed', %(closed)s)) AS p (part, chat)",
        {"id": broadcast_id(conn, pair), "outcome": outcome, "error": error, "open": pair[0], "closed": pair[1]},
    )


@pytest.mark.parametrize("viewport", [None, PHONE], ids=["desktop", "phone"])
def test_new_owner_registers_for_tomorrow_pauses_and_resumes(
    desk: Desk, person: Person, owner_conn: Conn, viewport: dict[str, int] | None
) -> None:
    options = {"viewport": viewport} if viewport else {}
    page = desk.signed_in(person, timezone_id="Europe/Berlin", **options)
    page.get_by_role("link", name="Register a channel").click()
    preview = page.get_by_role("complementary", name="What will be sent")
    pair = fill_channel_form(page)
    expect(preview).to_contain_text("Welcome to Morning signals")
    expect(preview.get_by_role("listitem")).to_have_text(["$5.00 for 30 days", "Donate"])
    page.get_by_role("radio", name="Every day at a fixed time").check()
    expect(page.get_by_label("Time zone")).to_have_value("Europe/Berlin")
    page.get_by_label("Time", exact=True).fill("09:00")
    page.get_by_role("radio", name="At its time").check()
    page.get_by_role("button", name="Register channel").click()

    expect_state(page, pair, "Scheduled")
    card(page, pair).get_by_role("link", name="Morning signals", exact=True).click()
    now = page.get_by_role("region", name="Next send")
    expect(now).to_contain_text("09:00 Europe/Berlin")
    expect(now).to_contain_text(re.compile(r"In \d+ (hours|minutes)"))
    expect(page.get_by_text("Nothing has been sent yet.")).to_be_visible()
    assert serious_findings(page) == []

    page.get_by_role("button", name="Skip the next one").click()
    expect(page.get_by_text("The next turn is skipped.")).to_be_visible()
    expect(page.get_by_role("region", name="History")).to_contain_text("You had it left out.")
    page.get_by_role("button", name="Pause").click()
    expect(now.locator(".state")).to_have_text("State: Paused")
    now.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("radio", name="At its next turn")).to_be_checked()
    assert serious_findings(page) == []
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("goes out at its next turn")).to_be_visible()
    expect(now).to_contain_text("09:00 Europe/Berlin")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    outcomes = owner_conn.execute("SELECT outcome FROM broadcast.deliveries").fetchall()
    assert outcomes == [("skipped",)]


def test_resuming_now_queues_it(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    owner_conn.execute("SELECT broadcast.switch_off(%s, 'owner')", [broadcast_id(owner_conn, pair)])
    expect_state(page, pair, "Paused")
    card(page, pair).get_by_role("button", name="Resume").click()
    page.get_by_role("radio", name="Now").check()
    page.get_by_role("button", name="Resume").click()
    expect(page.locator(".state").first).to_have_text("State: Queued")


def test_history_tells_what_was_sent_where_and_what_to_do(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    for _ in range(35):
        sent(owner_conn, pair)
    sent(owner_conn, pair, "failed", "Closed channel: The bot is no member here. Add it.")
    set_broadcast(owner_conn, pair, "broadcast_status = 'completed', next_send_time = now() + interval '1 day'")
    expect_state(page, pair, "Sent")
    card(page, pair).get_by_role("img", name="The last 30: 29 sent, 1 failed").click()
    history = page.get_by_role("region", name="History")
    rows = history.locator(".history > li")
    expect(rows).to_have_count(30)
    expect(rows.first).to_contain_text("not sent. The bot is no member here. Add it.")
    link = rows.nth(1).get_by_role("link").first
    expect(link).to_have_attribute("href", f"https://t.me/c/{pair[0].removeprefix('-100')}/4711")
    assert serious_findings(page) == []
    history.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(6)
    history.get_by_role("link", name="Failed").click()
    expect(rows).to_have_count(1)
    history.get_by_role("link", name="Unknown").click()
    expect(history).to_contain_text("No delivery ended so.")


def test_page_follows_the_worker_and_leaves_what_is_typed(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    page.goto(f"/channels/{pair[0]}/{pair[1]}")
    page.get_by_role("radio", name="Every day at a fixed time").check()
    page.get_by_label("Time", exact=True).fill("07:30")
    set_broadcast(owner_conn, pair, "broadcast_status = 'in_progress'")
    expect(page.get_by_text("It is being sent now")).to_be_visible()
    expect(page.get_by_label("Time", exact=True)).to_have_value("07:30")


def test_owner_is_told_of_a_failure_until_it_is_put_away(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    owner_conn.execute(
        "INSERT INTO broadcast.notices (client_id, broadcast_id, kind, message)"
        " VALUES (%s, %s, 'failed', 'The bot is no member here.')",
        [person.user_id, broadcast_id(owner_conn, pair)],
    )
    page.reload()
    notice = page.locator(".told")
    expect(notice).to_contain_text("Morning signals: a send failed, and is tried again. The bot is no member here.")
    assert serious_findings(page) == []
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)


def test_without_a_script_the_same_is_done_by_forms(desk: Desk, person: Person) -> None:
    page = desk.signed_in(person, java_script_enabled=False)
    page.goto("/channels/new")
    pair = fill_channel_form(page, **{"Tier 1 price in $": "$ 5,50"})
    page.get_by_role("button", name="Show the messages").click()
    expect(page.get_by_role("complementary")).to_contain_text("$5.50 for 30 days")
    page.get_by_role("button", name="Register channel").click()
    expect(card(page, pair)).to_contain_text("$5.50")
    page.goto(f"/channels/{pair[0]}/{pair[1]}")
    page.get_by_role("radio", name="Every day at a fixed time").check()
    page.get_by_label("Time", exact=True).fill("09:00")
    page.get_by_label("Time zone").fill("CEST")
    page.get_by_role("button", name="Save schedule").click()
    expect(page.get_by_text("Must be a time zone such as Europe/Berlin")).to_be_visible()
    page.get_by_label("Time zone").fill("UTC")
    page.get_by_role("button", name="Save schedule").click()
    expect(page.get_by_text("The schedule is saved.")).to_be_visible()
    expect(page.get_by_role("region", name="Next send")).to_contain_text("09:00 UTC")
    page.get_by_role("button", name="Save schedule").click()
    expect(page.get_by_text("Nothing was changed.")).to_be_visible()


def test_draft_survives_a_lost_session_and_ids_are_copied(desk: Desk, person: Person, owner_conn: Conn) -> None:
    page = desk.signed_in(person, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/channels/new")
    fill_channel_form(page, **{"Open channel title": "What I typed"})
    page.context.clear_cookies()
    page.get_by_role("button", name="Register channel").click()
    sign_in(page, person.username)
    page.get_by_role("link", name="Register a channel").click()
    expect(page.get_by_label("Open channel title")).to_have_value("What I typed")
    pair = add_channel(owner_conn, person.user_id)
    page.goto(f"/channels/{pair[0]}/{pair[1]}")
    page.get_by_role("button", name=f"Copy {pair[0]}").click()
    expect(page.get_by_role("button", name=f"Copy {pair[0]}")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == pair[0]
