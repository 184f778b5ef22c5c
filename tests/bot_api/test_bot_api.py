"""The fake refuses what Telegram refuses, and its page shows text of clients as text."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tools.bot_api.chats import ANSWERS
from tools.bot_api.server import BOT_USERNAME, TOKEN, running
from tools.bot_api.telegram_html import CanNotParse, parse

CHAT = "-1003268562225"


@pytest.fixture
def bot() -> Iterator[httpx.Client]:
    """A client of a running fake."""
    with running() as url, httpx.Client(base_url=url, timeout=30) as http:
        yield http


def call(bot: httpx.Client, method: str, token: str = TOKEN, **parameters: Any) -> tuple[int, dict[str, Any]]:
    """Call a method; status and answer."""
    answer = bot.post(f"/bot{token}/{method}", json=parameters)
    found: dict[str, Any] = answer.json()
    return answer.status_code, found


def send(bot: httpx.Client, text: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    """sendMessage to CHAT."""
    return call(bot, "sendMessage", chat_id=CHAT, text=text, parse_mode="HTML", **parameters)


def button(**fields: str) -> dict[str, Any]:
    """A keyboard of one button."""
    return {"inline_keyboard": [[{"text": "Donate", **fields}]]}


def test_message_is_kept_until_it_is_deleted(bot: httpx.Client) -> None:
    assert call(bot, "getMe")[1]["result"]["username"] == BOT_USERNAME
    status, answer = send(bot, "Fish &amp; <b>chips</b>", reply_markup=button(callback_data="x" * 64))
    assert (status, answer["result"]["text"]) == (200, "Fish & chips")
    message_id = answer["result"]["message_id"]
    assert call(bot, "deleteMessage", chat_id=CHAT, message_id=message_id) == (200, {"ok": True, "result": True})
    status, answer = call(bot, "deleteMessage", chat_id=CHAT, message_id=message_id)
    assert (status, answer["description"]) == (400, "Bad Request: message to delete not found")


def test_another_token_and_another_method_are_refused(bot: httpx.Client) -> None:
    assert call(bot, "getMe", token="1:wrong")[0] == 401  # noqa: S106
    assert call(bot, "getHim")[0] == 404


@pytest.mark.parametrize(
    ("text", "markup"),
    [
        ("", None),
        (" \n", None),
        ("<b> </b>", None),
        ("a" * 4097, None),
        ("\U0001f4e2" * 2049, None),
        ("a < b", None),
        ("a & b", None),
        ("&nbsp;", None),
        ("<b>never closed", None),
        ("<b><i>crossed</b></i>", None),
        ("</b>", None),
        ("<script>alert(1)</script>", None),
        ('<a href="javascript:alert(1)">x</a>', None),
        ('<b onclick="x">x</b>', None),
        ("fine", button(callback_data="x" * 65)),
        ("fine", button(callback_data="ä" * 33)),
        ("fine", button()),
        ("fine", button(url="javascript:alert(1)")),
        ("fine", button(url="https://t.me/a", callback_data="b")),
        ("fine", {"inline_keyboard": 3}),
    ],
)
def test_what_telegram_refuses_is_refused(bot: httpx.Client, text: str, markup: dict[str, Any] | None) -> None:
    assert send(bot, text, reply_markup=markup)[0] == 400
    assert bot.get("/messages").json() == []


@pytest.mark.parametrize("text", ["a" * 4096, "\U0001f4e2" * 2048, "<b>" + "&amp;" * 4096 + "</b>"])
def test_length_counts_after_the_entities(bot: httpx.Client, text: str) -> None:
    assert send(bot, text)[0] == 200


@pytest.mark.parametrize("fault", ANSWERS)
def test_fault_is_answered_as_often_as_ordered_where_it_fits(bot: httpx.Client, fault: str) -> None:
    bot.post("/faults", json={"fault": fault, "method": "sendMessage", "chat_id": CHAT, "count": 2, "retry_after": 9})
    assert call(bot, "getMe")[0] == 200
    assert call(bot, "sendMessage", chat_id="-1001", text="x", parse_mode="HTML")[0] == 200
    for _ in range(2):
        status, answer = send(bot, "x")
        assert (status, answer["ok"]) == (ANSWERS[fault][0], False)
        assert answer.get("parameters") == ({"retry_after": 9} if fault == "rate_limited" else None)
    assert send(bot, "x")[0] == 200


@pytest.mark.parametrize(("fault", "stored"), [("cut_before", 0), ("cut_after", 1)])
def test_cut_connection_has_no_answer(bot: httpx.Client, fault: str, stored: int) -> None:
    bot.post("/faults", json={"fault": fault})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        send(bot, "x")
    assert len(bot.get("/messages").json()) == stored


def test_page_shows_text_of_clients_as_text(bot: httpx.Client) -> None:
    attack = "&lt;img src=x onerror=alert(1)&gt;"
    send(bot, f"<b>{attack}</b>", reply_markup={"inline_keyboard": [[{"text": "<i>", "url": 'https://t.me/"><i>'}]]})
    assert call(bot, "sendMessage", chat_id="<script>", text="x", parse_mode="HTML")[0] == 400
    page = bot.get("/chats").text
    assert f"<b>{attack}</b>" in page
    for wrong in ("<img", "<script", "<i>", '"><i'):
        assert wrong not in page
    policy = bot.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert bot.get("/page.js").status_code == bot.get("/page.css").status_code == 200


def test_faults_can_not_be_ordered_by_a_form_of_another_site(bot: httpx.Client) -> None:
    assert (
        bot.post("/faults", content=b'{"fault": "kicked"}', headers={"Content-Type": "text/plain"}).status_code == 415
    )


@pytest.mark.parametrize(
    "source", ["plain", "<b>x</b> &lt;&amp;&#39;&#x27;", '<a href="https://t.me/x?a=1&amp;b=2">x</a>']
)
def test_good_html_is_kept(source: str) -> None:
    _, safe = parse(source)
    assert parse(safe)[0] == parse(source)[0]


def test_stray_characters_are_told() -> None:
    with pytest.raises(CanNotParse, match="character 2"):
        parse("a & b")
