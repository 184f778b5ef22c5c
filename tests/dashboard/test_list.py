"""The list of channels over plain HTTP: what the address asks for, what a page weighs, and where an action leads."""

from typing import Any

import psycopg
import pytest

from tests.dashboard.visitor import Visitor, inputs_of
from tools.databases import add_channel, add_clients

Conn = psycopg.Connection[Any]


@pytest.fixture
def many(visitor: Visitor, owner_conn: Conn) -> Visitor:
    """A visitor with a thousand channels, of which one in seven failed."""
    owner_conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 1000")
    add_clients(owner_conn, 0, 1000)
    owner_conn.execute(
        "UPDATE public.broadcast_manager SET next_send_time = now() + interval '1 day', broadcast_status ="
        " CASE WHEN right(open_channel_id, 6)::int % 7 = 0 THEN 'failed' ELSE 'completed' END,"
        " last_sent_time = now(), total_broadcasts = 3, successful_broadcasts = 3, last_error_message ="
        " CASE WHEN right(open_channel_id, 6)::int % 7 = 0 THEN 'The bot was removed from this channel.' END"
    )
    return visitor


def test_first_page_of_a_thousand_is_small(many: Visitor) -> None:
    page = many.http.get("/")
    assert len(page.content) <= 100_000
    assert page.text.count("<article") == 50
    assert "1 to 50 of 1,000" in page.text


def test_one_changed_card_is_one_card(many: Visitor, owner_conn: Conn) -> None:
    pair = add_channel(owner_conn, many.person.user_id)
    answer = many.http.get("/channels/list", params={"open_id": pair[0], "closed_id": pair[1], "q": "nothing like it"})
    assert answer.text.count("<article") == 1
    assert f'id="c{pair[0]}_{pair[1]}"' in answer.text
    assert len(answer.content) <= 6_000


def test_action_leads_back_to_where_one_was(visitor: Visitor) -> None:
    path = visitor.register(open_channel_title="Sea")
    view = "/?q=sea&state=queued&sort=title"
    visitor.http.get(view)
    page = visitor.http.get(f"{path}/resend")
    assert 'href="/?q=sea&amp;state=queued&amp;sort=title"' in page.text
    answer = visitor.http.post(f"{path}/resend", data=inputs_of(page))
    assert answer.headers["location"] == f"{view}#c{'_'.join(path.split('/')[2:])}"
    said = visitor.http.get(view).text
    assert "<strong>Sea:</strong> The two messages are queued" in said
    # The list as it comes first is where one was, too.
    visitor.http.get("/")
    deletion = visitor.http.get(f"{path}/delete")
    assert visitor.http.post(f"{path}/delete", data=inputs_of(deletion)).headers["location"] == "/"
    assert "<strong>Sea:</strong> The channel is deleted" in visitor.http.get("/").text


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "q=" + "x" * 5000,
        "state=nonsense",
        "sort=nonsense",
        "after=1",
        "after=%00&after=&after=&after=",
        "before=a&before=b&before=c&before=d&after=a&after=b&after=c&after=d",
        "q=%ff%fe",
        "q=a&q=b",
    ],
)
def test_address_of_any_kind_is_a_page(visitor: Visitor, query: str) -> None:
    visitor.register()
    assert visitor.http.get(f"/?{query}").status_code == 200


@pytest.mark.parametrize("value", ["x", "Ly9ldmlsLmV4YW1wbGU_cT14", "____", "", "." * 99])
def test_cookie_of_somebody_else_leads_nowhere_else(visitor: Visitor, value: str) -> None:
    path = visitor.register()
    form = inputs_of(visitor.http.get(f"{path}/resend"))
    visitor.http.cookies.set("broadcast_manager_list", value)
    visitor.http.cookies.set("broadcast_manager_notice", "saved.x")
    answer = visitor.http.post(f"{path}/resend", data=form)
    assert answer.headers["location"].startswith("/#c")


def test_no_match_differs_from_none_yet(visitor: Visitor) -> None:
    assert "No channels yet" in visitor.http.get("/").text
    visitor.register()
    none_fits = visitor.http.get("/?q=nothing+like+it").text
    assert "No channel fits" in none_fits
    assert "Clear filters" in none_fits
    assert "No channels yet" not in none_fits
