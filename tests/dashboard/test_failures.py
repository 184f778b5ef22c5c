"""Failures outside of /api are pages that show the way on, without a traceback."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from pyapi.channels.accounts import User
from pyapi.settings import Settings
from pyapi.web.dashboard.sessions import SESSION_COOKIE
from pyapi.web.tokens import issue_token
from tests.api.calls import SECRET, served
from tests.dashboard.test_cookies_and_headers import CSP
from tests.dashboard.visitor import Visitor


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/channels/-1001234567890/-1001234567891/edit", 404),
        ("/channels/<script>/%00/edit", 404),
        ("/channels/new/", 404),
    ],
)
def test_what_is_not_there_is_a_page(visitor: Visitor, path: str, status: int) -> None:
    answer = visitor.http.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Go to your channels" in answer.text
    assert "Traceback" not in answer.text


def test_api_path_answers_json(visitor: Visitor) -> None:
    assert visitor.http.get("/api/nothing").json()["code"] == "not_found"


def test_form_that_is_too_large_is_a_page(visitor: Visitor) -> None:
    answer = visitor.http.post("/channels/new", data={"open_channel_title": "x" * 70_000})
    assert answer.status_code == 413
    assert "too large" in answer.text
    assert "<h1>" in answer.text


def test_form_that_does_not_tell_its_size_is_a_page_too(visitor: Visitor) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = visitor.http.post("/channels/new", content=iter([b"x=", b"x" * 70_000]), headers=headers)
    assert answer.status_code == 413
    assert "<h1>" in answer.text


def test_malformed_form_is_a_page(visitor: Visitor) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = visitor.http.post("/channels/new", content=b"--x\r\nnonsense", headers=headers)
    assert answer.status_code == 415
    assert "<h1>" in answer.text


def test_database_that_does_not_answer_is_a_page_with_a_way_to_try_again() -> None:
    nowhere = Settings(
        database_url="postgresql://nobody@127.0.0.1:9/nothing", jwt_secret_key=SecretStr(SECRET), pool_timeout=0.2
    )
    with served(nowhere) as (url, _), httpx.Client(base_url=url) as http:
        page = http.get("/login")
        assert page.status_code == 200
        user = User(uuid4(), "somebody", "", True, True, None, None, False)
        http.cookies[SESSION_COOKIE] = issue_token(user, "session", SECRET)
        answer = http.get("/")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert 'href="/">Try again' in answer.text


def test_what_nobody_expected_is_a_page_too(visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr("pyapi.web.dashboard.channels.list_page", broken)
    answer = visitor.http.get("/")
    assert answer.status_code == 500
    assert "Something went wrong on our side" in answer.text
    assert "secret" not in answer.text
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["cache-control"] == "no-store"
    # The script gets the status alone. (uvicorn has closed the first connection.)
    with httpx.Client(base_url=visitor.http.base_url, cookies=visitor.http.cookies) as http:
        assert http.get("/channels/list").text == "Something went wrong on our side"


def test_operators_page_is_for_operators(new_visitor: Callable[..., Visitor]) -> None:
    answer = new_visitor().http.get("/operator")
    assert answer.status_code == 403
    assert "for operators" in answer.text
    assert new_visitor(operator=True).http.get("/operator").status_code == 200


def test_operators_page_shows_violations_and_drift(
    new_visitor: Callable[..., Visitor],
    owner_conn: psycopg.Connection[Any],
    database: str,
    superuser: Callable[[str], str],
) -> None:
    visitor = new_visitor(operator=True)
    calm = visitor.http.get("/operator").text
    assert "Nothing breaks the rule." in calm
    assert "says what this release says" in calm
    path = visitor.register()
    with psycopg.connect(superuser(database), autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("DELETE FROM public.broadcast_manager")
    owner_conn.execute("ALTER TABLE public.main_clients_database DISABLE TRIGGER create_broadcast_rows")
    page = visitor.http.get("/operator").text
    assert "channel_without_broadcast" in page
    assert path.split("/")[2] in page
    assert "trigger_disabled" in page
    assert "2 violations of the rule" in page
    assert "facts are not" in page or "fact is not" in page


def test_operators_page_gives_up_on_what_takes_too_long(
    new_visitor: Callable[..., Visitor], owner_conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyapi.web.dashboard.operators._PATIENCE_SECONDS", 0.2)
    visitor = new_visitor(operator=True)
    with owner_conn.transaction():
        owner_conn.execute("LOCK TABLE public.broadcast_manager IN ACCESS EXCLUSIVE MODE")
        page = visitor.http.get("/operator")
    assert page.status_code == 200
    assert "This takes longer than 0.2 s here" in page.text


def test_owner_and_operator_are_told_that_sending_is_off(
    new_visitor: Callable[..., Visitor], owner_conn: psycopg.Connection[Any]
) -> None:
    owner, operator = new_visitor(), new_visitor(operator=True)
    told_owner, told_operator = "Nothing is sent from here at present", "Sending is off: the old one runs again"
    owner_conn.execute("SELECT broadcast.set_sending(FALSE, 'the old one runs again')")
    assert told_owner in owner.http.get("/").text
    assert told_operator in operator.http.get("/operator").text
    owner_conn.execute("SELECT broadcast.set_sending(TRUE)")
    assert told_owner not in owner.http.get("/").text
    assert "Sending is off" not in operator.http.get("/operator").text


def test_operators_page_shows_what_was_set_aside(
    new_visitor: Callable[..., Visitor], owner_conn: psycopg.Connection[Any]
) -> None:
    operator = new_visitor(operator=True)
    open_id = operator.register().split("/")[2]
    owner_conn.execute("UPDATE broadcast_manager SET next_send_time = now()")
    [delivery] = owner_conn.execute("SELECT delivery_id FROM broadcast.claim_due_broadcasts('w', 100)").fetchall()
    owner_conn.execute("SELECT broadcast.set_aside(%s, 'w', '42703 column x does not exist')", delivery)
    page = operator.http.get("/operator").text.partition("Recent failures")[2]
    assert open_id in page
    assert "The database does not let this broadcast be sent; an operator must look: 42703" in page
