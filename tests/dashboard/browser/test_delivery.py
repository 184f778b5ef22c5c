"""`make serve` as a newcomer tries it: what the card shows of each way that a send can go."""

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from demo.serve import DEMO_PASSWORD, DEMO_USERS
from tests.dashboard.browser.conftest import Desk, sign_in
from tests.dashboard.browser.steps import card, expect_state
from tests.dashboard.test_serve import superuser_url
from tools.databases import connect
from tools.serving import serving
from tools.telegram import Telegram, until

PAIR = ("-1003344198027", "-1003360512984")


def test_card_shows_sent_switched_off_sending_and_unknown_as_the_worker_gets_there(
    chromium: Browser, tmp_path: Path
) -> None:
    with (
        serving(tmp_path / "data", WORKER_POLL_SECONDS="0.2") as (url, said),
        connect(superuser_url(tmp_path / "data")) as conn,
    ):
        conn.execute(
            "UPDATE broadcast.settings"
            " SET manual_trigger_interval = '0', retry_pause = '10 ms', max_retry_pause = '10 ms'"
        )
        stand_in = re.search(r"Telegram: +(\S+)/", "".join(said))
        assert stand_in, said
        desk = Desk(url, chromium)
        page, telegram = desk.window(), desk.window()
        telegram.goto(stand_in[1])
        fake = Telegram(stand_in[1])
        page.goto("/login")
        sign_in(page, DEMO_USERS[0], DEMO_PASSWORD)

        def resend() -> None:
            card(page, PAIR).get_by_role("button", name="Resend Notification").click()
            page.get_by_role("button", name="Send now").click()

        resend()
        expect_state(page, PAIR, "Sent")
        messages = telegram.locator("main article")
        expect(messages).to_have_count(2)

        telegram.get_by_label("for chat").fill(PAIR[0])
        telegram.get_by_role("button", name="Order").click()
        expect(telegram.locator("#ordered")).to_have_text("Ordered.")
        resend()
        expect_state(page, PAIR, "Switched off")
        shown = card(page, PAIR)
        expect(shown).to_contain_text("Switched off after 5 failures in a row.")
        expect(shown).to_contain_text("bot was kicked from the channel chat")

        shown.get_by_role("button", name="Switch on again").click()
        page.get_by_role("radio", name="Now").check()
        page.get_by_role("button", name="Switch on").click()
        page.get_by_role("link", name="Channels").click()
        expect_state(page, PAIR, "Sent")
        expect(messages).to_have_count(2)

        fake.order("hold_before", method="sendMessage", chat_id=PAIR[1])
        resend()
        expect_state(page, PAIR, "Sending")
        until(lambda: fake.requests(chat_id=PAIR[1])[-1]["answer"] is None, "the request is held")
        expect_state(page, PAIR, "Sending")
        fake.release()
        expect_state(page, PAIR, "Sent")
        expect(messages).to_have_count(2)

        fake.order("cut_after", method="sendMessage", chat_id=PAIR[0])
        resend()
        expect_state(page, PAIR, "Unknown")
        expect(shown).to_contain_text(
            "It is not known whether the last messages were sent. Look into the channels; resend if one is missing."
        )
        # It had come all the same.
        expect(messages).to_have_count(2)
        fake.http.close()
        for context in desk.contexts:
            context.close()
        assert desk.complaints == []
