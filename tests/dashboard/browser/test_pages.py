"""Every page: accessible, in light and dark, on a phone, by keyboard; and the pages for operators and readers."""

from collections.abc import Callable
from typing import Any, Literal

import psycopg
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.api.calls import Person
from tests.dashboard.browser.conftest import Desk
from tests.dashboard.browser.steps import card, set_broadcast
from tools.databases import add_channel

Conn = psycopg.Connection[Any]

SERIOUS = {"serious", "critical"}
STATES = {
    "queued": "next_send_time = now()",
    "sending": "broadcast_status = 'in_progress'",
    "sent": "broadcast_status = 'completed', next_send_time = now() + interval '1 day', last_sent_time = now()",
    "failed": "broadcast_status = 'failed', next_send_time = now() + interval '1 day', consecutive_failures = 2,"
    " last_error_message = 'The bot is not an administrator of the closed channel', last_error_time = now()",
    "off": "is_active = false, consecutive_failures = 5, last_error_message = 'Chat not found'",
    "waiting": "last_manual_trigger_time = now()",
    "skipped": "broadcast_status = 'skipped'",
}


@pytest.fixture
def operator_with_channels(new_person: Callable[..., Person], owner_conn: Conn) -> Person:
    """An operator who has a channel in each state, so that every page shows what it can."""
    person = new_person(operator=True)
    for change in STATES.values():
        set_broadcast(owner_conn, add_channel(owner_conn, person.user_id), change)
    return person


def paths(page: Page) -> list[str]:
    """All pages of someone who has a channel; the first is the list."""
    page.goto("/")
    href = page.get_by_role("link", name="Edit").first.get_attribute("href")
    assert href is not None
    channel = href.removesuffix("/edit")
    of_channel = [f"{channel}{page}" for page in ("", "/edit", "/delete", "/resend", "/reactivate")]
    return ["/", "/?q=nothing+like+it", "/channels/new", *of_channel, "/operator"]


def serious_findings(page: Page) -> list[str]:
    """What axe-core finds serious or critical on the page as it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{page.url}: {finding['id']} at {node['target']}: {node['failureSummary']}"
        for finding in found
        if finding["impact"] in SERIOUS
        for node in finding["nodes"]
    ]


def empty_form_sent(page: Page) -> None:
    """The form for a channel with an error at every field."""
    page.goto("/channels/new")
    page.get_by_role("button", name="Register channel").click()
    expect(page.get_by_role("alert")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    desk: Desk, operator_with_channels: Person, person: Person, scheme: Literal["light", "dark"]
) -> None:
    page = desk.window(color_scheme=scheme)
    page.goto("/login")
    findings = serious_findings(page)
    page = desk.signed_in(operator_with_channels, color_scheme=scheme)
    for path in paths(page):
        page.goto(path)
        findings += serious_findings(page)
    empty_form_sent(page)
    findings += serious_findings(page)
    findings += serious_findings(desk.signed_in(person, color_scheme=scheme))
    assert findings == []


def test_phone_needs_no_sideways_scrolling(desk: Desk, operator_with_channels: Person) -> None:
    page = desk.signed_in(operator_with_channels, viewport={"width": 360, "height": 740})
    too_wide = []
    for path in [*paths(page), "/login"]:
        page.goto(path)
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            too_wide.append(path)
    empty_form_sent(page)
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        too_wide.append("the form with errors")
    assert too_wide == []


def test_keyboard_reaches_the_button_and_sends(desk: Desk, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    page = desk.signed_in(person)
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    button = card(page, pair).get_by_role("button", name="Resend Notification")
    # Register a channel, the channel's page, and then the button.
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(button).to_be_focused()
    assert button.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    send = page.get_by_role("button", name="Send now")
    send.focus()
    page.keyboard.press("Enter")
    expect(card(page, pair).get_by_role("button", name="Wait")).to_be_disabled()


def test_operators_page_refreshes_by_itself(desk: Desk, operator_with_channels: Person, owner_conn: Conn) -> None:
    page = desk.signed_in(operator_with_channels)
    page.goto("/operator")
    page.get_by_text("As a table").click()
    expect(page.get_by_role("region", name="Deliveries an hour").get_by_role("row")).to_have_count(49)
    owner_conn.execute("SELECT broadcast.worker_looks('host:1:a', '0.1.0', 'a_bot', 10, '1 hour')")
    expect(page.get_by_role("region", name="It is well")).to_contain_text("host:1:a")
    # What was open and focused stays so.
    expect(page.get_by_text("As a table")).to_be_focused()
    expect(page.get_by_role("region", name="Deliveries an hour")).to_be_visible()


def test_operators_page(desk: Desk, operator_with_channels: Person) -> None:
    page = desk.signed_in(operator_with_channels)
    page.get_by_role("link", name="Operator").click()
    health = page.get_by_role("region", name="It is not well")
    expect(health).to_contain_text("No worker runs")
    expect(health.locator("dl")).to_contain_text("Due now 2", use_inner_text=True)
    expect(page.get_by_role("region", name="Broadcasts by state").get_by_role("listitem")).to_have_count(6)
    expect(page.get_by_role("region", name="Integrity")).to_contain_text("Nothing breaks the rule.")
    expect(page.get_by_role("region", name="Drift", exact=True)).to_contain_text("says what this release says")
    failures = page.get_by_role("table").get_by_role("row")
    page.get_by_role("button", name="Try the rule").click()
    expect(page.get_by_role("listitem").filter(has_text="Everything is taken back")).to_be_visible()
    assert serious_findings(page) == []
    page.get_by_role("link", name="Back").click()
    expect(failures.filter(has_text="The bot is not an administrator")).to_contain_text(operator_with_channels.username)


def test_clients_page_has_no_way_to_the_operators(page: Page) -> None:
    expect(page.get_by_role("link", name="Operator")).to_have_count(0)


def test_documentation_of_the_api_is_drawn_without_other_hosts(desk: Desk) -> None:
    page = desk.window()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/docs")
    expect(page.get_by_text("/api/channels/register")).to_be_visible()
    assert [url for url in asked if not url.startswith((desk.base_url, "data:"))] == []
