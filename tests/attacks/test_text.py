"""SQL, HTML, Markdown and characters that turn text around: stored as they are, shown as they are, and never obeyed."""

import asyncio
import html
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.worker.loop import run_round
from pyapi.worker.settings import WorkerSettings
from tests.api.calls import Person, log_in, refused, registration
from tests.dashboard.visitor import Visitor, channel_form
from tests.dashboard.visitor import log_in as log_in_by_form
from tests.delivery.broadcasts import Conn, add_broadcast
from tests.delivery.conftest import conn as conn
from tests.delivery.conftest import settings as settings
from tests.delivery.conftest import telegram as telegram
from tests.delivery.conftest import worker_role as worker_role
from tests.delivery.conftest import worker_url as worker_url
from tools.databases import ROOT
from tools.telegram import Telegram

SQL = [
    "'; DROP TABLE x; --",
    "' OR ''='",
    "$$; SELECT 1; $$",
    "\\'; SELECT 1; --",
    "%s %(x)s :x {x}",
    "x') RETURNING *; --",
    "\u02bc OR 1=1 --",
    "pg_sleep(9)--",
]
# Each fits into a title's thirty characters.
MARKUP = [
    "<script>alert(1)</script>",
    "<img src=x onerror=a()>",
    "</title></h2><b>",
    '"><svg onload=a()>',
    "&lt;b&gt;&amp;&#60;",
    "*b* _i_ `c` [t](http://x)",
    "||s|| > q ~~d~~ # h",
    "javascript:alert(1)",
    "{{7*7}}{% raw %}${7*7}",
    "<a href='tg://user?id=1'>x</a>",
    "turned \u202e around \u2066 here",
    "zero\u200bwidth\ufeff joined\u200d",
    "bell \x07 escape \x1b[31m back\x08",
    "line\u2028line\u2029line\x85line",
]
TEXTS = [name for name in registration() if name.endswith(("_title", "_description", "_message", "_address"))]


def catalogue(conn: psycopg.Connection[Any]) -> list[Any]:
    return conn.execute(
        "SELECT c.relname, c.relkind, c.relhastriggers FROM pg_class AS c"
        " WHERE c.relnamespace IN ('public'::regnamespace, 'broadcast'::regnamespace) ORDER BY 1"
    ).fetchall()


def counts(conn: psycopg.Connection[Any]) -> Any:
    return conn.execute(
        "SELECT (SELECT count(*) FROM public.main_clients_database), (SELECT count(*) FROM public.broadcast_manager),"
        " (SELECT count(*) FROM public.registered_users)"
    ).fetchone()


def texts(attack: str) -> dict[str, str]:
    """The attack in every text of a channel; a donation message has ten characters at least."""
    return {name: attack for name in TEXTS} | {"closed_channel_donation_message": attack.ljust(10, "!")}


@pytest.mark.parametrize("attack", SQL)
def test_sql_in_every_text_is_stored_as_it_is_and_changes_nothing_else(
    base_url: str, person: Person, owner_conn: psycopg.Connection[Any], attack: str
) -> None:
    before, (channels, broadcasts, users) = catalogue(owner_conn), counts(owner_conn)
    wanted = texts(attack)
    registered = person.register(**wanted)
    assert registered.status_code == 201, registered.text
    path = f"/api/channels/{registered.json()['channel_id']}"
    assert {name: person.http.get(path).json()[name] for name in TEXTS} == wanted
    assert person.http.put(path, json=wanted).status_code == 200
    # The types that a column takes are the database's to know: of enums this is none.
    person.http.put(path, json={"client_payout_currency": attack[:20], "client_payout_network": attack[:20]})
    visitor = Visitor.signed_in(base_url, person)
    by_form = visitor.register(**{name: text.strip() for name, text in wanted.items()})
    visitor.send(f"{by_form}/edit", **channel_form(**texts(attack)))
    stored = owner_conn.execute(
        "SELECT open_channel_title FROM public.main_clients_database WHERE client_id = %s", [person.user_id]
    ).fetchall()
    assert stored == [(attack,)] * 2
    for strange in (f"/api/channels/{attack}", f"/api/broadcast/status/{attack}"):
        assert 400 <= person.http.get(strange).status_code < 500
    assert 400 <= visitor.http.get(f"/channels/{attack}/{attack}/edit").status_code < 500
    visitor.http.close()
    assert catalogue(owner_conn) == before
    assert counts(owner_conn) == (channels + 2, broadcasts + 2, users)
    assert find_drift(read_fingerprint(owner_conn)) == []


@pytest.mark.parametrize("attack", ["' OR ''='", "x'; UPDATE registered_users SET is_active = TRUE; --"])
def test_sql_in_name_and_password_signs_nobody_in(
    anonymous: httpx.Client, person: Person, owner_conn: psycopg.Connection[Any], attack: str
) -> None:
    before = counts(owner_conn)
    for username in (attack, f"{person.username}{attack}"):
        refused(log_in(anonymous, username, attack), 401, "login_failed")
        assert "Username or password is wrong." in log_in_by_form(anonymous, username, attack).text
    assert counts(owner_conn) == before


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.links: list[str] = []
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        self.text += "".join(value or "" for name, value in attrs if name in ("value", "aria-label"))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("attack", MARKUP)
def test_markup_makes_no_page_another_one(
    base_url: str, person: Person, owner_conn: psycopg.Connection[Any], attack: str
) -> None:
    owner_conn.execute("INSERT INTO broadcast.operators VALUES (%s)", [person.user_id])
    plain, attacked = registration(**texts("Plain and simple")), registration(**texts(attack))
    visitor = Visitor.signed_in(base_url, person)
    pages: list[list[Page]] = []
    for channel in (plain, attacked):
        answer = person.http.post("/api/channels/register", json=channel)
        assert answer.status_code == 201, answer.text
        owner_conn.execute(
            "UPDATE public.broadcast_manager SET last_error_message = %s, broadcast_status = 'failed',"
            " consecutive_failures = 1, last_error_time = now() WHERE client_id = %s",
            [channel["open_channel_title"], person.user_id],
        )
        path = f"/channels/{channel['open_channel_id']}/{channel['closed_channel_id']}"
        sources = [visitor.http.get(p) for p in ("/", f"{path}/edit", f"{path}/delete", f"{path}/resend", "/operator")]
        assert {page.status_code for page in sources} == {200}
        pages.append([Page(page.text) for page in sources])
        assert person.http.delete(f"/api/channels/{channel['open_channel_id']}").status_code == 200
    visitor.http.close()
    for before, after in zip(*pages, strict=True):
        # The very same tags and attributes: whatever was typed is text.
        assert after.tags == before.tags
        assert not any(link.lower().lstrip().startswith(("javascript:", "data:", "http")) for link in after.links)
        assert "".join(attack.split()) in "".join(after.text.split())


def test_markup_reaches_telegram_as_text(conn: Conn, telegram: Telegram, settings: WorkerSettings) -> None:
    client: UUID | None = None
    wanted = {}
    for attack in MARKUP:
        broadcast = add_broadcast(conn, client)
        client = broadcast.client
        conn.execute(
            "UPDATE public.main_clients_database SET"
            " open_channel_title = %(text)s, open_channel_description = %(text)s,"
            " closed_channel_title = %(text)s, closed_channel_description = %(text)s,"
            " closed_channel_donation_message = %(text)s WHERE open_channel_id = %(id)s",
            {"text": attack, "id": broadcast.open_id},
        )
        wanted[broadcast.open_id] = (
            f"Welcome to {attack}\n{attack}\n\n{attack}\n{attack}\n\nChoose how long you want to join:"
        )
        wanted[broadcast.closed_id] = attack.strip()
    done = asyncio.run(run_round(settings))
    assert done.counts() == {"sent": len(MARKUP)}
    messages = telegram.messages()
    assert {message["chat_id"]: message["text"] for message in messages} == wanted
    for message in messages:
        # No tag of any kind: Telegram has nothing to interpret, and reads no Markdown in HTML.
        assert message["html"] == html.escape(wanted[message["chat_id"]])
        assert "<" not in message["html"]
        buttons = [button for line in message["buttons"] for button in line]
        assert {button["text"] for button in buttons} <= {"$5.00 for 30 days", "$12.50 for 90 days", "Donate"}


def test_no_template_lets_text_through_unescaped() -> None:
    templates = list((ROOT / "pyapi" / "web" / "dashboard" / "templates").glob("*.html"))
    assert len(templates) > 8
    for template in templates:
        source = template.read_text().replace(" ", "")
        assert "|safe" not in source, template
        assert "autoescape" not in source, template
