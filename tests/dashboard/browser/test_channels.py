"""Signing in, and a channel's life: registered, edited, deleted."""

from typing import Any

import psycopg
from playwright.sync_api import Page, expect

from tests.api.calls import Person
from tests.dashboard.browser.conftest import Desk, sign_in
from tests.dashboard.browser.steps import card, expect_state, fill_channel_form
from tools.databases import add_channel, broadcast_id, new_channel_id

Conn = psycopg.Connection[Any]


def test_sign_in_and_out(desk: Desk, person: Person) -> None:
    page = desk.window()
    page.goto("/")
    expect(page).to_have_url(f"{desk.base_url}/login")
    sign_in(page, person.username, "wrong")
    expect(page.get_by_role("alert")).to_have_text("Username or password is wrong.")
    expect(page.get_by_label("Username")).to_have_value(person.username)
    expect(page.get_by_label("Password")).to_be_focused()
    sign_in(page, person.username)
    expect(page.get_by_text("0 of 10 channels")).to_be_visible()
    expect(page.get_by_role("heading", name="No channels yet")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{desk.base_url}/login")
    page.goto("/")
    expect(page).to_have_url(f"{desk.base_url}/login")


def test_register_see_id_and_button_at_once(page: Page, owner_conn: Conn) -> None:
    page.get_by_role("link", name="Register a channel").click()
    page.get_by_label("2", exact=True).check()
    pair = fill_channel_form(page, **{"Open channel id": "12", "Tier 2 price in $": "12.50", "Tier 2 days": ""})
    page.get_by_role("button", name="Register channel").click()

    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_count(2)
    wrong = page.get_by_label("Open channel id", exact=True)
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_have_value("12")
    expect(wrong).to_have_accessible_description(
        "Begins with -100, 10 to 14 characters. Error: Must begin with -100 and have 10 to 14 characters"
    )
    summary.get_by_role("link", name="Tier 2 days").click()
    expect(page.get_by_label("Tier 2 days")).to_be_focused()
    expect(page.get_by_label("Wallet address")).to_have_value("0x71C7656EC7ab88b098defB751B7401B5f6d8976F")

    pair = (new_channel_id(), pair[1])
    wrong.fill(pair[0])
    page.get_by_label("Tier 2 days").fill("90")
    page.get_by_role("button", name="Register channel").click()

    registered = broadcast_id(owner_conn, pair)
    assert registered is not None
    expect(page.get_by_text("The channel is registered")).to_contain_text(str(registered))
    expect(page.get_by_text("1 of 10 channels")).to_be_visible()
    expect(card(page, pair)).to_contain_text(str(registered))
    expect(card(page, pair).get_by_role("list", name="Tiers").get_by_role("listitem")).to_have_text(
        ["$5.00 30 days", "$12.50 90 days"]
    )
    expect(card(page, pair).get_by_role("button", name="Resend Notification")).to_be_enabled()
    expect_state(page, pair, "Queued")


def test_what_a_choice_makes_needless_is_hidden(page: Page) -> None:
    page.goto("/channels/new")
    for hidden in ("Tier 2 price in $", "Tier 3 days", "Threshold in $", "Your Telegram id"):
        expect(page.get_by_label(hidden)).to_be_hidden()
    page.get_by_label("3", exact=True).check()
    page.get_by_label("From a threshold on").check()
    page.get_by_label("Tell me in Telegram").check()
    for shown in ("Tier 2 price in $", "Tier 3 days", "Threshold in $", "Your Telegram id"):
        expect(page.get_by_label(shown)).to_be_visible()


def test_currency_and_network_offer_what_goes_together(page: Page, owner_conn: Conn) -> None:
    owner_conn.execute(
        "CREATE TABLE public.currency_to_network (currency, network) AS"
        " VALUES ('USDT', 'ETH'), ('USDT', 'TRX'), ('BTC', 'BTC')"
    )
    page.goto("/channels/new")
    offered = "(id) => [...document.getElementById(id).options].filter((o) => !o.disabled).map((o) => o.value)"
    assert page.evaluate(offered, "networks") == ["BTC", "ETH", "TRX"]
    page.get_by_label("Payout currency").fill("USDT")
    assert page.evaluate(offered, "networks") == ["ETH", "TRX"]
    page.get_by_label("Payout network").fill("BTC")
    assert page.evaluate(offered, "currencies") == ["BTC"]
    # Half a word is in no pair, and hides nothing.
    page.get_by_label("Payout currency").fill("US")
    assert page.evaluate(offered, "networks") == ["BTC", "ETH", "TRX"]


def test_edit_keeps_the_broadcast_id(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    before = broadcast_id(owner_conn, pair)
    card(page, pair).get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Open channel id", exact=True)).to_have_value(pair[0])
    expect(page.get_by_label("Tier 1 price in $")).to_have_value("5.00")
    page.get_by_label("Open channel title").fill("Evening signals")
    changed = (pair[0], new_channel_id())
    page.get_by_label("Closed channel id", exact=True).fill(changed[1])
    page.get_by_role("button", name="Save changes").click()
    expect(page.get_by_text("Your changes are saved.")).to_be_visible()
    expect(card(page, changed)).to_contain_text("Evening signals")
    assert broadcast_id(owner_conn, changed) == before


def test_delete_asks_and_takes_the_row_along(page: Page, person: Person, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, person.user_id)
    row = broadcast_id(owner_conn, pair)
    card(page, pair).get_by_role("link", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete Morning signals?")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(f"Its broadcast row {row} goes with it")
    page.get_by_role("link", name="Keep it").click()
    card(page, pair).get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete channel").click()
    expect(page.get_by_text(f"The channel is deleted, and its broadcast row with it: {row}")).to_be_visible()
    expect(page.get_by_text("0 of 10 channels")).to_be_visible()
    assert owner_conn.execute("SELECT count(*) FROM public.broadcast_manager").fetchone() == (0,)


def test_script_in_a_title_is_text(page: Page, owner_conn: Conn) -> None:
    nasty = "<script>alert(1)</script>"
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto("/channels/new")
    pair = fill_channel_form(page, **{"Open channel title": nasty, "Closed channel title": "<img src=x onerror=a()>"})
    page.get_by_role("button", name="Register channel").click()
    expect(card(page, pair).get_by_role("heading")).to_have_text(nasty)
    # The script puts the same text in as the server does.
    owner_conn.execute("UPDATE public.broadcast_manager SET broadcast_status = 'in_progress'")
    expect_state(page, pair, "Sending")
    expect(card(page, pair).get_by_role("heading")).to_have_text(nasty)
    expect(card(page, pair).locator("img, script")).to_have_count(0)


def test_whole_way_without_a_script(desk: Desk, person: Person, owner_conn: Conn) -> None:
    page = desk.signed_in(person, java_script_enabled=False)
    page.get_by_role("link", name="Register a channel").click()
    pair = fill_channel_form(page)
    page.get_by_role("button", name="Register channel").click()
    card(page, pair).get_by_role("button", name="Resend Notification").click()
    page.get_by_role("button", name="Send now").click()
    expect(card(page, pair).get_by_role("button", name="Wait")).to_be_disabled()
    card(page, pair).get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete channel").click()
    expect(page.get_by_text("0 of 10 channels")).to_be_visible()
    assert broadcast_id(owner_conn, pair) is None
