"""The list of channels follows the database without a reload."""

from collections.abc import Callable
from typing import Any

import psycopg
from playwright.sync_api import Page, expect

from tests.api.calls import Person
from tests.dashboard.browser.conftest import Desk
from tests.dashboard.browser.steps import card, expect_state, set_broadcast
from tools.databases import add_channel, broadcast_id
from tools.telegram import until

Conn = psycopg.Connection[Any]


def mark(page: Page) -> None:
    """Remember this document, to know it again."""
    page.evaluate("window.sameDocument = true")


def is_marked(page: Page) -> bool:
    """Whether the document is the same one: it was not loaded anew."""
    return page.evaluate("window.sameDocument") is True


def listens(page: Page) -> bool:
    """Whether the script has run and its event stream is open.

    Not by wait_for_function(), which evaluates text in the page, and the page's policy forbids that.
    """
    return page.evaluate("typeof source !== 'undefined' && source?.readyState === EventSource.OPEN") is True


def show(page: Page, *, hidden: bool) -> None:
    """Have the browser say that the window went to the background, or came back."""
    page.evaluate(
        "hidden => { Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def test_channel_inserted_elsewhere_appears_with_its_button(page: Page, person: Person, owner_conn: Conn) -> None:
    mark(page)
    expect(page.get_by_role("heading", name="No channels yet")).to_be_visible()
    pair = add_channel(owner_conn, person.user_id)
    expect(card(page, pair).get_by_role("button", name="Resend Notification")).to_be_enabled()
    expect(card(page, pair)).to_contain_text(str(broadcast_id(owner_conn, pair)))
    expect(page.get_by_text("1 of 10 channels")).to_be_visible()
    expect(page.get_by_role("heading", name="No channels yet")).to_have_count(0)
    assert is_marked(page)


def test_channel_deleted_elsewhere_disappears(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    expect(card(page, pair)).to_be_visible()
    mark(page)
    owner_conn.execute("DELETE FROM public.main_clients_database")
    expect(card(page, pair)).to_have_count(0)
    expect(page.get_by_role("heading", name="No channels yet")).to_be_visible()
    assert is_marked(page)


def test_other_clients_changes_do_not_show(
    page: Page, person: Person, new_person: Callable[..., Person], owner_conn: Conn
) -> None:
    other = new_person()
    theirs = add_channel(owner_conn, other.user_id)
    # Ours comes after theirs: once it is seen, theirs would have been.
    ours = add_channel(owner_conn, person.user_id)
    expect(card(page, ours)).to_be_visible()
    expect(card(page, theirs)).to_have_count(0)
    expect(page.get_by_text("1 of 10 channels")).to_be_visible()


def test_only_what_changed_is_swapped_and_focus_stays(page: Page, person: Person, owner_conn: Conn) -> None:
    first, second = add_channel(owner_conn, person.user_id), add_channel(owner_conn, person.user_id)
    edit = card(page, first).get_by_role("link", name="Edit")
    edit.focus()
    for pair in (first, second):
        card(page, pair).evaluate("card => { card.isOld = true; }")
    set_broadcast(owner_conn, second, "broadcast_status = 'in_progress'")
    expect_state(page, second, "Sending")
    assert card(page, first).evaluate("card => card.isOld === true")
    assert card(page, second).evaluate("card => card.isOld === undefined")
    expect(edit).to_be_focused()
    set_broadcast(owner_conn, first, "broadcast_status = 'in_progress'")
    expect_state(page, first, "Sending")
    expect(edit).to_be_focused()


def test_changes_are_seen_after_the_database_cut_the_connection(
    page: Page, person: Person, owner_conn: Conn, database: str, superuser: Callable[[str], str]
) -> None:
    with psycopg.connect(superuser(database), autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'broadcast-manager changes'"
        )
    pair = add_channel(owner_conn, person.user_id)
    expect(card(page, pair)).to_be_visible()


def test_window_in_the_background_catches_up(page: Page, person: Person, owner_conn: Conn) -> None:
    until(lambda: listens(page), "the page listens")
    show(page, hidden=True)
    until(lambda: page.evaluate("source === null"), "the page has stopped listening")
    pair = add_channel(owner_conn, person.user_id)
    expect(card(page, pair)).to_have_count(0)
    show(page, hidden=False)
    expect(card(page, pair)).to_be_visible()


def test_second_window_follows_the_first(desk: Desk, page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    second = desk.signed_in(person)
    expect(card(second, pair)).to_be_visible()
    card(page, pair).get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete channel").click()
    expect(card(second, pair)).to_have_count(0)


def test_session_that_has_ended_leads_to_the_login(desk: Desk, page: Page, person: Person, owner_conn: Conn) -> None:
    until(lambda: listens(page), "the page listens")
    owner_conn.execute("UPDATE public.registered_users SET is_active = false")
    add_channel(owner_conn, person.user_id)
    expect(page).to_have_url(f"{desk.base_url}/login")
    # The browser notes each request that is answered so, which is how the script came to know.
    assert [complaint for complaint in desk.complaints if "401 (Unauthorized)" not in complaint] == []
    desk.complaints.clear()
