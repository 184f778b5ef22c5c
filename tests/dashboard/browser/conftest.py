"""A headless Chromium, and pages that must leave its console empty."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.api.calls import PASSWORD, Person
from tools.chromium import running_chromium

expect.set_options(timeout=15_000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for a module; not longer, because while it runs this thread can run no other asyncio loop."""
    with running_chromium() as browser:
        yield browser


@dataclass
class Desk:
    """Opens windows of the browser, each with cookies of its own, and keeps what they complain about."""

    base_url: str
    browser: Browser
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def window(self, **options: Any) -> Page:
        """A window without cookies; options go to Playwright's new_context()."""
        context = self.browser.new_context(base_url=self.base_url, **{"reduced_motion": "reduce", **options})
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        return page

    def signed_in(self, person: Person, **options: Any) -> Page:
        """A window in which the person has signed in, at the list of channels."""
        page = self.window(**options)
        page.goto("/login")
        sign_in(page, person.username)
        expect(page.get_by_role("heading", name="Channels", exact=True)).to_be_visible()
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"console {message.type}: {message.text}")


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Fill in the form of the login page and send it."""
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture
def desk(base_url: str, chromium: Browser) -> Iterator[Desk]:
    """Windows of the browser; in the end no page may have complained."""
    opened = Desk(base_url, chromium)
    yield opened
    for context in opened.contexts:
        context.close()
    assert opened.complaints == []


@pytest.fixture
def page(desk: Desk, person: Person) -> Page:
    """A window in which a client of the platform has signed in."""
    return desk.signed_in(person)


@pytest.fixture
def operator_page(desk: Desk, new_person: Callable[..., Person]) -> Page:
    """A window in which an operator has signed in."""
    return desk.signed_in(new_person(operator=True))
