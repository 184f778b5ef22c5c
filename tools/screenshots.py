"""Takes the pictures of docs/dashboard.md: `make screenshots`.

A fresh embedded server with the demo's data, the application on it, and a headless Chromium.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

import psycopg
from playwright.sync_api import Browser, Page

from demo.embedded import embedded_server
from demo.serve import DATABASE, DEMO_PASSWORD, DEMO_USERS
from tools.chromium import HOW_TO_GET_ONE, find_chromium, running_chromium
from tools.databases import ROOT
from tools.serving import serving

FOLDER = ROOT / "docs" / "screenshots"
CLIENT, OPERATOR = DEMO_USERS
CHANNEL = "/channels/-1003268562225/-1003253338212"
# The first of the client's channels on the page.
SYMPTOM = "-1003301774906"
DESKTOP = {"width": 1080, "height": 760}
PHONE = {"width": 360, "height": 740}


def main() -> int:
    """Take all pictures.

    Returns:
        The exit code: 2 where there is no browser.
    """
    if not find_chromium():
        sys.stderr.write(f"No Chromium was found. {HOW_TO_GET_ONE}\n")
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, serving(Path(data) / "data") as (url, _), running_chromium() as browser:
        take_all(browser, url)
        take_symptom(browser, url, Path(data) / "data")
    return 0


def take_symptom(browser: Browser, url: str, data: Path) -> None:
    """Take the picture of README.md: a channel without its broadcast row beside one that has it.

    The rule refuses such a channel, so a superuser bypasses it here.
    """
    with embedded_server(data) as server, psycopg.connect(server, dbname=DATABASE) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("DELETE FROM broadcast_manager WHERE open_channel_id = %s", [SYMPTOM])
    page = window(browser, url)
    sign_in(page, CLIENT)
    first, second = (page.locator("li.card").nth(number).bounding_box() for number in (0, 1))
    assert first is not None
    assert second is not None
    page.screenshot(
        path=FOLDER / "not-configured.png",
        clip={
            "x": first["x"] - 8,
            "y": first["y"] - 8,
            "width": first["width"] + 16,
            "height": second["y"] + second["height"] - first["y"] + 16,
        },
        full_page=True,
        animations="disabled",
    )


def take_all(browser: Browser, url: str) -> None:
    """Take the pictures of an application that has the demo's data and nothing else."""
    page = window(browser, url)
    take(page, "/login", "sign-in")
    sign_in(page, CLIENT)
    take(page, "/", "channels")
    take(page, "/channels/new", "register", full_page=False)
    page.get_by_label("Open channel id", exact=True).fill("3268562225")
    page.get_by_role("button", name="Register channel").click()
    take(page, None, "register-errors", full_page=False)
    take(page, f"{CHANNEL}/edit", "edit", full_page=False)
    take(page, f"{CHANNEL}/delete", "delete")
    take(page, f"{CHANNEL}/resend", "resend")
    page.get_by_role("button", name="Send now").click()
    page.get_by_role("button", name="Wait").wait_for()
    take(page, None, "channels-waiting")
    take(page, "/docs", "api", full_page=False)

    page = window(browser, url, color_scheme="dark")
    sign_in(page, CLIENT)
    take(page, "/", "channels-dark")
    page = window(browser, url, viewport=PHONE)
    sign_in(page, CLIENT)
    take(page, "/", "channels-phone", full_page=False)

    page = window(browser, url)
    sign_in(page, OPERATOR)
    take(page, "/", "no-channels", full_page=False)
    take(page, "/operator", "operator")


def window(
    browser: Browser,
    url: str,
    color_scheme: Literal["light", "dark"] = "light",
    viewport: Any = DESKTOP,
) -> Page:
    """A window without cookies."""
    scale = 2 if viewport == PHONE else 1
    return browser.new_context(
        base_url=url,
        color_scheme=color_scheme,
        viewport=viewport,
        device_scale_factor=scale,
        reduced_motion="reduce",
        timezone_id="Europe/Berlin",
    ).new_page()


def sign_in(page: Page, username: str) -> None:
    """Sign in with the demo's password."""
    page.goto("/login")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Channels", exact=True).wait_for()


def take(page: Page, path: str | None, name: str, *, full_page: bool = True) -> None:
    """Take one picture of a page, or of the page that is open."""
    if path is not None:
        page.goto(path, wait_until="load")
    if path == "/docs":
        page.get_by_text("/api/channels/register").wait_for()
    page.screenshot(path=FOLDER / f"{name}.png", full_page=full_page, animations="disabled")


if __name__ == "__main__":
    sys.exit(main())
