"""The installed Chromium that the tests and the screenshots use."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

HOW_TO_GET_ONE = "Debian: apt-get install chromium; elsewhere set CHROMIUM_PATH to a Chromium or Chrome."

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Path of CHROMIUM_PATH, chromium or google-chrome, whichever is there first."""
    names = (os.environ.get("CHROMIUM_PATH"), "chromium", "google-chrome")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def must_be_there() -> bool:
    """Whether the absence of a browser is a failure: in CI."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A headless Chromium.

    While it runs, this thread cannot run another asyncio loop.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
