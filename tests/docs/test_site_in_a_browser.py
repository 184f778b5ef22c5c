"""The site as a reader has it: whole on a small screen, with a search, and with nothing from any other host."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tools.chromium import running_chromium

expect.set_options(timeout=15_000)

PAGES = ("index", "tutorial", "reference/sql", "explanation/rule", "delivery", "PROGRESS")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the module."""
    with running_chromium() as browser:
        yield browser


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def requests() -> list[str]:
    """Addresses that pages asked for."""
    return []


def elsewhere(requests: list[str], address: str) -> list[str]:
    return [asked for asked in requests if not asked.startswith((address, "data:", "blob:"))]


@pytest.fixture
def page(chromium: Browser, requests: list[str]) -> Iterator[Page]:
    """A window that notes what is asked for, and complains where anything is missing."""
    complaints: list[str] = []
    window = chromium.new_page(reduced_motion="reduce")
    window.on("request", lambda request: requests.append(request.url))
    window.on("response", lambda response: complaints.append(response.url) if response.status >= 400 else None)
    window.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield window
    window.close()
    assert complaints == []


def test_pages_ask_no_other_host(address: str, page: Page, requests: list[str]) -> None:
    for name in PAGES:
        page.goto(f"{address}{name}.html")
        for picture in page.locator("article img").all():
            expect(picture).to_have_js_property("complete", True)
            expect(picture).not_to_have_js_property("naturalWidth", 0)
    assert len(requests) > len(PAGES)
    assert elsewhere(requests, address) == []


def test_search_finds_a_page_and_asks_no_other_host(address: str, page: Page, requests: list[str]) -> None:
    page.goto(f"{address}index.html")
    page.get_by_role("textbox", name="Search").click()
    expect(page.locator(".md-search-result__meta")).to_have_text("Type to start searching")
    # Key by key: the page's script listens for keys, not for a changed value.
    page.get_by_role("textbox", name="Search").press_sequentially("quarantine")
    expect(page.locator(".md-search-result__item").first).to_be_visible()
    assert elsewhere(requests, address) == []


def test_phone_needs_no_sideways_scrolling(address: str, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    for name in PAGES:
        page.goto(f"{address}{name}.html")
        expect(page.locator("html")).to_have_js_property("scrollWidth", 360)
