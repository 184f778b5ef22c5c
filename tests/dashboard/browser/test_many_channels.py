"""A list of many channels: found, narrowed, paged, changed one card at a time, and back where one was."""

from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, Request, expect

from tests.api.calls import Person
from tests.dashboard.browser.conftest import Desk
from tests.dashboard.browser.steps import card, expect_state
from tools.databases import add_channel

Conn = psycopg.Connection[Any]


@pytest.fixture
def pairs(person: Person, owner_conn: Conn) -> list[tuple[str, str]]:
    """Sixty channels, the fifth of which failed."""
    with owner_conn.transaction():
        found = [add_channel(owner_conn, person.user_id) for _ in range(60)]
        for number, (open_id, _) in enumerate(found):
            owner_conn.execute(
                "UPDATE public.main_clients_database SET open_channel_title = %s WHERE open_channel_id = %s",
                [f"Sea {number:02}", open_id],
            )
        owner_conn.execute("UPDATE public.broadcast_manager SET next_send_time = now() + interval '1 day'")
        owner_conn.execute(
            "UPDATE public.broadcast_manager SET broadcast_status = 'failed' WHERE open_channel_id = %s", [found[4][0]]
        )
    return found


@pytest.mark.parametrize("width", [1080, 390])
@pytest.mark.parametrize("script", [True, False])
def test_found_narrowed_paged_and_back(
    desk: Desk, person: Person, pairs: list[tuple[str, str]], width: int, script: bool
) -> None:
    page = desk.signed_in(person, viewport={"width": width, "height": 844}, java_script_enabled=script)
    # What failed comes first; then by title.
    expect(page.get_by_role("article").first).to_contain_text("Sea 04")
    expect(page.get_by_text("1 to 50 of 60")).to_be_visible()
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("article")).to_have_count(10)
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("article")).to_have_count(50)
    page.get_by_role("link", name="Failed 1").click()
    expect(page.get_by_role("article")).to_have_count(1)
    page.get_by_label("Title or id").fill("nothing like it")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="No channel fits")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    page.get_by_label("Title or id").fill(pairs[57][1])
    page.get_by_label("Order").select_option("Title")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("article")).to_have_count(1)
    here = page.url
    card(page, pairs[57]).get_by_role("button", name="Resend Notification").click()
    page.get_by_role("button", name="Send now").click()
    expect(page.get_by_role("status").filter(has_text="Sea 57")).to_be_visible()
    assert page.url.partition("#")[0] == here
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth") if script else True


def test_change_costs_one_card(page: Page, pairs: list[tuple[str, str]], owner_conn: Conn) -> None:
    # The stream begins with the whole list.
    with page.expect_response("**/channels/list"):
        page.reload()
    expect(page.get_by_text("1 to 50 of 60")).to_be_visible()
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request))
    for pair in (pairs[10], pairs[58]):
        owner_conn.execute(
            "UPDATE public.broadcast_manager SET broadcast_status = 'in_progress' WHERE open_channel_id = %s", [pair[0]]
        )
    expect_state(page, pairs[10], "Sending")
    expect(page.get_by_role("link", name="Sending 2")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(50)
    assert all("open_id=" in request.url for request in asked if "/channels/list" in request.url)
