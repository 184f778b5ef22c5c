"""The calls of a front end on another origin, by fetch() with credentials in a browser, against the running API."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from pyapi.settings import Settings
from tests.api.calls import PASSWORD, Person, registration, served

# Nothing but what a front end's HTTP library does: the answer, or the browser's own error.
PAGE = """<!doctype html><title>Front end</title><link rel="icon" href="data:,"><script>
window.call = async (base, method, path, token, body) => {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  try {
    const answer = await fetch(base + path, {
      method, headers, credentials: "include", body: body === null ? undefined : JSON.stringify(body),
    });
    return { status: answer.status, retryAfter: answer.headers.get("Retry-After"), body: await answer.json() };
  } catch (error) {
    return { error: String(error) };
  }
};
</script>"""
CALL = "([base, method, path, token, body]) => window.call(base, method, path, token, body)"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def front_end(tmp_path: Path) -> Iterator[str]:
    """Origin of the page."""
    (tmp_path / "index.html").write_text(PAGE)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def base_url(settings: Settings, front_end: str) -> Iterator[str]:
    """Address of the application, which lets the page's origin call."""
    with served(settings.model_copy(update={"cors_origins": [front_end]})) as (url, _):
        yield url


@pytest.fixture
def window(chromium: Browser, front_end: str) -> Iterator[Page]:
    """A window on the front end's page."""
    page = chromium.new_page()
    page.goto(front_end)
    yield page
    page.close()


def test_the_front_ends_calls_work_across_origins(
    window: Page, base_url: str, person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    owner_conn.execute(
        "CREATE TABLE public.currency_to_network"
        " AS SELECT 'USDT' AS currency, 'ETH' AS network, NULL AS currency_name, 'Ethereum' AS network_name"
    )

    def call(method: str, path: str, token: str | None = None, body: Any = None) -> dict[str, Any]:
        answer: dict[str, Any] = window.evaluate(CALL, [base_url, method, path, token, body])
        assert "error" not in answer, answer
        return answer

    login = call("POST", "/api/auth/login", body={"username": person.username, "password": PASSWORD})
    assert login["status"] == 200
    token = login["body"]["access_token"]
    networks = call("GET", "/api/mappings/currency-network")["body"]
    assert networks["network_to_currencies"] == {"ETH": [{"currency": "USDT", "currency_name": "USDT"}]}
    assert call("GET", "/api/channels/", token)["body"] == {"channels": [], "count": 0, "max_channels": 10}
    registered = call("POST", "/api/channels/register", token, registration())
    assert registered["status"] == 201
    path = f"/api/channels/{registered['body']['channel_id']}"
    edited = call("PUT", path, token, {"open_channel_title": "Evening signals"})
    assert edited["body"]["channel"] == call("GET", path, token)["body"]
    assert edited["body"]["channel"]["open_channel_title"] == "Evening signals"
    broadcast = {"broadcast_id": registered["body"]["broadcast_id"]}
    assert call("POST", "/api/broadcast/trigger", token, broadcast)["status"] == 200
    again = call("POST", "/api/broadcast/trigger", token, broadcast)
    assert (again["status"], int(again["retryAfter"])) == (429, again["body"]["retry_after_seconds"])
    renewed = call("POST", "/api/auth/refresh", login["body"]["refresh_token"])["body"]["access_token"]
    assert call("GET", "/api/auth/me", renewed)["body"]["username"] == person.username
    assert call("DELETE", path, renewed)["status"] == 200
    assert call("GET", path, renewed)["status"] == 404


def test_pages_of_other_origins_get_nothing(chromium: Browser, base_url: str, person: Person, front_end: str) -> None:
    # Another origin than that of the setting: localhost.
    page = chromium.new_page()
    page.goto(front_end.replace("127.0.0.1", "localhost"))
    login = {"username": person.username, "password": PASSWORD}
    answer = page.evaluate(CALL, [base_url, "POST", "/api/auth/login", None, login])
    assert answer == {"error": "TypeError: Failed to fetch"}
    page.close()
