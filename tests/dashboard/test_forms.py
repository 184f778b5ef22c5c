"""Forms over plain HTTP: what they change, and that nobody else's form changes anything."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from fastapi.routing import APIRoute

from pyapi.web.dashboard import broadcast as broadcast_page
from pyapi.web.dashboard import channels, docs, events, forms, login, operators
from tests.dashboard.visitor import SENT_BY_US, Visitor, channel_form, inputs_of

Conn = psycopg.Connection[Any]


def everything(conn: Conn) -> list[Any]:
    """All channels and broadcast rows."""
    channels = conn.execute("SELECT to_jsonb(c) FROM public.main_clients_database AS c ORDER BY c.id").fetchall()
    return channels + conn.execute("SELECT to_jsonb(b) FROM public.broadcast_manager AS b ORDER BY b.id").fetchall()


def broadcast(conn: Conn, path: str) -> dict[str, Any]:
    """The broadcast row of a channel's path."""
    row = conn.execute(
        "SELECT to_jsonb(b) FROM public.broadcast_manager AS b WHERE open_channel_id = %s AND closed_channel_id = %s",
        path.split("/")[2:4],
    ).fetchone()
    assert row is not None
    found: dict[str, Any] = row[0]
    return found


def card_of(path: str) -> str:
    """Where an action leads: to the channel's card in the list."""
    return "/#c" + "_".join(path.split("/")[2:])


# As browsers tell of a form that a page of another site sends: current ones, and those that send Origin alone.
ELSEWHERE = {
    "another site": {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
    "a sibling": {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.example.org"},
    "another site, by its origin": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "a page without an origin": {"Origin": "null"},
    "our origin, said to be another": {"Sec-Fetch-Site": "cross-site"},
    "typed by hand": {"Sec-Fetch-Site": "none"},
    "nothing": {},
}


@pytest.mark.parametrize("headers", ELSEWHERE.values(), ids=ELSEWHERE)
def test_forms_of_other_sites_change_nothing(
    new_visitor: Callable[..., Visitor], owner_conn: Conn, headers: dict[str, str]
) -> None:
    visitor = new_visitor(operator=True)
    path = visitor.register()
    before = everything(owner_conn)
    origin = str(visitor.http.base_url)
    del visitor.http.headers["Sec-Fetch-Site"]
    app_paths = {
        "/login",
        "/logout",
        "/channels/new",
        "/operator/try",
        "/channels/preview",
        "/notices/dismiss",
        *(f"{path}/{a}" for a in ("edit", "delete", "resend", "reactivate", "pause", "skip", "schedule")),
    }
    assert {p.replace("{open_id}/{closed_id}", "/".join(path.split("/")[2:])) for p in dashboard_posts()} == app_paths
    ours = origin if headers == {"Sec-Fetch-Site": "cross-site"} else headers.get("Origin")
    for target in app_paths:
        form = channel_form(open_channel_title="Changed") | {"broadcast_id": before[-1][0]["id"]}
        answer = visitor.http.post(target, data=form, headers=headers | ({"Origin": ours} if ours else {}))
        assert answer.status_code == 403, target
        assert "no longer valid" in answer.text
    assert everything(owner_conn) == before
    assert visitor.http.get("/").status_code == 200


def dashboard_posts() -> set[str]:
    """The paths of all forms."""
    routers = (channels.router, broadcast_page.router, login.router, operators.router, events.router, docs.router)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    return {route.path for route in routes if (route.methods or set()) - {"GET", "HEAD"}}


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, None])
def test_forms_of_ours_pass_in_browsers_old_and_new(visitor: Visitor, headers: dict[str, str] | None) -> None:
    del visitor.http.headers["Sec-Fetch-Site"]
    origin = {"Origin": str(visitor.http.base_url).rstrip("/")}
    answer = visitor.http.post("/channels/new", data=channel_form(), headers=headers or origin)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=x",
        "multipart/form-data; charset=punycode; boundary=x",
        "application/x-www-form-urlencoded; charset=undefined",
        "application/x-www-form-urlencoded; charset=utf-16",
        "text/plain",
        "application/json",
        "",
    ],
)
def test_only_urlencoded_forms_in_utf8_are_read(base_url: str, content_type: str) -> None:
    headers = {"Content-Type": content_type, **SENT_BY_US}
    answer = httpx.post(f"{base_url}/login", content=b"username=x&password=" + b"x" * 10_000, headers=headers)
    assert answer.status_code == 415
    assert "<h1>" in answer.text


@pytest.mark.parametrize("charset", ["", ";charset=UTF-8", '; charset="utf-8"'])
def test_a_form_may_name_utf8(base_url: str, charset: str) -> None:
    headers = {"Content-Type": f"application/x-www-form-urlencoded{charset}", **SENT_BY_US}
    answer = httpx.post(f"{base_url}/login", content=b"username=x&password=y", headers=headers)
    assert "Username or password is wrong" in answer.text


@pytest.mark.parametrize("body", [b"username=%ff", b"\xff=x", b"&".join(b"a=b" for _ in range(100))])
def test_a_form_that_can_not_be_read_is_a_page(base_url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded", **SENT_BY_US}
    answer = httpx.post(f"{base_url}/login", content=body, headers=headers)
    assert answer.status_code == 400
    assert "<h1>" in answer.text


def test_form_registers_what_was_typed(visitor: Visitor, owner_conn: Conn) -> None:
    path = visitor.register(
        open_channel_title="Grün & <b>fett</b>", sub_1_price="5.10", closed_channel_description=" x "
    )
    row = owner_conn.execute(
        "SELECT open_channel_title, sub_1_price::text, closed_channel_description, notification_status, created_by"
        " FROM public.main_clients_database WHERE open_channel_id = %s",
        [path.split("/")[2]],
    ).fetchone()
    assert row == ("Grün & <b>fett</b>", "5.10", "x", True, visitor.person.username)


def test_notice_is_said_once(visitor: Visitor, owner_conn: Conn) -> None:
    path = visitor.register()
    said = visitor.http.get("/").text
    assert "The channel is registered" in said
    assert f"<code>{broadcast(owner_conn, path)['id']}</code>" in said
    assert "The channel is registered" not in visitor.http.get("/").text


def test_edit_sends_only_what_was_changed(visitor: Visitor, owner_conn: Conn) -> None:
    # A channel of before, whose message and ids no longer fit what a new one must be.
    owner_conn.execute(
        "INSERT INTO public.main_clients_database (open_channel_id, closed_channel_id, closed_channel_donation_message,"
        " sub_1_price, sub_1_time, client_wallet_address, client_payout_currency, client_payout_network, client_id)"
        " VALUES ('-12345', '-54321', 'Thanks', 5, 30, 'x', 'BTC', 'BTC', %s)",
        [visitor.person.user_id],
    )
    page = visitor.http.get("/channels/-12345/-54321/edit").text
    assert 'value="-12345"' in page
    values = {
        "open_channel_id": "-12345",
        "closed_channel_id": "-54321",
        "closed_channel_donation_message": "Thanks",
        "tier_count": "1",
        "sub_1_price": "5.00",
        "sub_1_time": "31",
        "client_wallet_address": "x",
        "client_payout_currency": "BTC",
        "client_payout_network": "BTC",
        "payout_strategy": "instant",
        "open_channel_title": "Now with a title",
    }
    answer = visitor.send("/channels/-12345/-54321/edit", **values)
    assert answer.headers.get("location") == "/#c-12345_-54321", answer.text
    row = owner_conn.execute("SELECT sub_1_time, open_channel_title FROM public.main_clients_database").fetchone()
    assert row == (31, "Now with a title")


def test_fewer_tiers_take_the_others_away(visitor: Visitor, owner_conn: Conn) -> None:
    form = channel_form()
    answer = visitor.send("/channels/new", **form)
    path = f"/channels/{form['open_channel_id']}/{form['closed_channel_id']}"
    # What the form hides does not count, whatever it holds.
    answer = visitor.send(f"{path}/edit", **(form | {"tier_count": "1", "sub_2_price": "not a price"}))
    assert answer.status_code == 303, answer.text
    row = owner_conn.execute(
        "SELECT sub_1_price::text, sub_2_price, sub_2_time FROM public.main_clients_database"
    ).fetchone()
    assert row == ("5.10", None, None)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("open_channel_id", "123"),
        ("closed_channel_donation_message", "short"),
        ("sub_2_price", ""),
        ("sub_1_price", "0"),
        ("sub_1_price", "five"),
        ("payout_threshold_usd", ""),
        ("notification_id", "12"),
        ("open_channel_title", "x" * 31),
        ("closed_channel_description", ""),
        ("open_channel_title", "a\x00b"),
    ],
)
def test_wrong_field_is_told_at_the_field(visitor: Visitor, owner_conn: Conn, field: str, typed: str) -> None:
    answer = visitor.send("/channels/new", **channel_form(**{field: typed}))
    assert answer.status_code == 200
    assert f'id="{field}-error"' in answer.text
    assert f'<a href="#{field}">' in answer.text
    assert answer.text.count('class="error"') == 1
    assert everything(owner_conn) == []


def test_pair_that_is_taken_is_told_at_the_field(visitor: Visitor) -> None:
    form = channel_form()
    visitor.send("/channels/new", **form)
    answer = visitor.send("/channels/new", **form)
    assert 'id="closed_channel_id-error"' in answer.text


def test_no_more_channels_than_the_settings_allow(visitor: Visitor, owner_conn: Conn) -> None:
    owner_conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 1")
    visitor.register()
    page = visitor.http.get("/").text
    assert "1 of 1 channels" in page
    assert 'href="/channels/new"' not in page
    answer = visitor.send("/channels/new", **channel_form())
    assert "an account can have no more" in answer.text


def test_missing_trigger_stores_nothing_and_says_so(visitor: Visitor, owner_conn: Conn) -> None:
    owner_conn.execute("ALTER TABLE public.main_clients_database DISABLE TRIGGER create_broadcast_rows")
    answer = visitor.send("/channels/new", **channel_form())
    assert answer.status_code == 500
    assert "nothing was stored" in answer.text
    assert everything(owner_conn) == []


def test_resend_makes_the_broadcast_due_and_waits_then(visitor: Visitor, owner_conn: Conn) -> None:
    path = visitor.register()
    owner_conn.execute("UPDATE public.broadcast_manager SET next_send_time = now() + interval '1 day'")
    assert visitor.resend(path).headers["location"] == card_of(path)
    row = broadcast(owner_conn, path)
    assert (row["broadcast_status"], row["manual_trigger_count"]) == ("pending", 1)
    again = visitor.resend(path)
    assert again.status_code == 429
    assert 290 < int(again.headers["retry-after"]) <= 300
    assert "disabled" in again.text
    assert broadcast(owner_conn, path) == row


def test_click_asks_for_ownership_once(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    path = visitor.register()
    form = inputs_of(visitor.http.get(f"{path}/resend"))
    # The broadcast's id is asked for, which is refused unless it is the client's: the channel is not read beside it.
    monkeypatch.setattr("pyapi.web.dashboard.channels.read_channel", None)
    for action, then in {"resend": card_of(path), "pause": path, "reactivate": path}.items():
        assert visitor.http.post(f"{path}/{action}", data=form).headers["location"] == then


@pytest.mark.parametrize("broadcast_id", ["", "x", "7e1018e4-5644-4031-a05c-4166cc877264"])
@pytest.mark.parametrize("action", ["resend", "reactivate", "pause", "skip", "schedule"])
def test_click_on_a_broadcast_that_is_not_there_is_a_page(visitor: Visitor, action: str, broadcast_id: str) -> None:
    answer = visitor.send(f"{visitor.register()}/{action}", broadcast_id=broadcast_id)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.text


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("broadcast_status = 'in_progress'", "It is being sent right now."),
        ("is_active = false", "The broadcast is switched off."),
    ],
)
def test_resend_that_can_not_be_says_why(visitor: Visitor, owner_conn: Conn, change: str, sentence: str) -> None:
    path = visitor.register()
    owner_conn.execute(f"UPDATE public.broadcast_manager SET {change}")
    answer = visitor.resend(path)
    assert answer.status_code == 409
    assert sentence in answer.text


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("failures", "<p>Switched off after 5 failures in a row."),
        ("owner", "<p>Paused by you."),
        ("operator", "<p>Switched off by an operator."),
        # Another program did it, for reasons of its own: the failures before it are not why.
        (None, "<p>Switched off."),
    ],
)
def test_switched_off_broadcast_says_why_and_is_switched_on_again(
    visitor: Visitor, owner_conn: Conn, reason: str | None, sentence: str
) -> None:
    path = visitor.register()
    broadcast_id = broadcast(owner_conn, path)["id"]
    if reason:
        owner_conn.execute("SELECT broadcast.switch_off(%s, %s)", [broadcast_id, reason])
    owner_conn.execute("UPDATE public.broadcast_manager SET is_active = false, consecutive_failures = 5")
    page = visitor.http.get("/")
    assert sentence in page.text
    asked = inputs_of(visitor.http.get(f"{path}/reactivate"))
    assert visitor.http.post(f"{path}/reactivate", data=asked).headers["location"] == path
    row = broadcast(owner_conn, path)
    assert (row["is_active"], row["consecutive_failures"]) == (True, 0)


def test_deleted_channel_takes_its_row_along(visitor: Visitor, owner_conn: Conn) -> None:
    path = visitor.register()
    broadcast_id = UUID(broadcast(owner_conn, path)["id"])
    assert str(broadcast_id) in visitor.http.get(f"{path}/delete").text
    visitor.send(f"{path}/delete")
    assert everything(owner_conn) == []
    assert "The channel is deleted" in visitor.http.get("/").text


@pytest.mark.parametrize("page", ["edit", "delete", "resend"])
def test_channel_of_another_client_is_not_shown_nor_changed(
    new_visitor: Callable[..., Visitor], owner_conn: Conn, page: str
) -> None:
    path = new_visitor().register()
    before = everything(owner_conn)
    other = new_visitor()
    assert other.http.get(f"{path}/{page}").status_code == 403
    smuggled = channel_form(broadcast_id=broadcast(owner_conn, path)["id"])
    assert other.send(f"{path}/{page}", **smuggled).status_code == 403
    assert path.split("/")[2] not in other.http.get("/").text
    assert everything(owner_conn) == before


def test_channel_without_a_row_is_not_configured(
    visitor: Visitor, owner_conn: Conn, database: str, superuser: Callable[[str], str]
) -> None:
    path = visitor.register()
    with psycopg.connect(superuser(database), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("DELETE FROM public.broadcast_manager")
    page = visitor.http.get("/").text
    assert "Not Configured" in page
    assert "Resend Notification" not in page
    assert visitor.http.get(f"{path}/delete").status_code == 200
    assert visitor.http.get(f"{path}/resend").status_code == 404
    assert visitor.send(f"{path}/delete").headers["location"] == "/"
    assert everything(owner_conn) == []


_NASTY = "<script>alert(1)</script>"


def test_titles_and_errors_are_escaped_everywhere(new_visitor: Callable[..., Visitor], owner_conn: Conn) -> None:
    visitor = new_visitor(operator=True)
    path = visitor.register(
        open_channel_title=_NASTY,
        closed_channel_title='"><img src=x onerror=y>',
        closed_channel_donation_message="{{ 7 * 1111111 }} <b>bold</b>",
    )
    owner_conn.execute(
        "UPDATE public.broadcast_manager SET broadcast_status = 'failed', consecutive_failures = 1,"
        " last_error_message = %s, last_error_time = now()",
        [_NASTY],
    )
    pages = ["/", "/channels/list", "/operator", *(f"{path}/{page}" for page in ("edit", "delete", "resend"))]
    for page in pages:
        text = visitor.http.get(page).text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text, page
        for tag in ("<script>", "<img src=x", "<b>bold"):
            assert tag not in text, page
        assert "7777777" not in text, page


@pytest.mark.parametrize(
    ("typed", "amount"),
    [
        ("5", "5"),
        ("5,50", "5.50"),
        (" $ 5.50 ", "5.50"),
        ("5,5 $", "5.5"),
        ("1,250.00", "1250.00"),
        ("1.250,00", "1250.00"),
        ("$1,250", "1250"),
        ("12,345,678", "12345678"),
        # No amount of ours: it is told at the field as it was typed.
        ("five", "five"),
        ("$", "$"),
        ("1,2,3", "1,2,3"),
        ("1.2.3,4.5", "1.2.3,4.5"),
    ],
)
def test_amounts_are_taken_as_people_write_them(typed: str, amount: str) -> None:
    assert forms.typed_values({"sub_1_price": typed})["sub_1_price"] == amount
