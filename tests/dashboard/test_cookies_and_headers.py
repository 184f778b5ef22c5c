"""Cookies, sessions and response headers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from pyapi.web.dashboard.sessions import SESSION_COOKIE
from tests.api.calls import PASSWORD, SECRET, Person, claims
from tests.dashboard.visitor import Visitor, log_in

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def flags(answer: httpx.Response, cookie: str) -> set[str]:
    """The attributes of a cookie that an answer sets, in small letters."""
    (header,) = [line for line in answer.headers.get_list("set-cookie") if line.startswith(f"{cookie}=")]
    return {part.strip().lower() for part in header.split(";")[1:]}


@pytest.mark.parametrize(("scheme", "secure"), [("http", set()), ("https", {"secure"})])
def test_cookies_are_for_this_site_and_no_script(base_url: str, person: Person, scheme: str, secure: set[str]) -> None:
    # As a proxy in front says it; uvicorn believes one on this machine.
    with httpx.Client(base_url=base_url, headers={"X-Forwarded-Proto": scheme}) as http:
        answer = log_in(http, person.username)
        assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} <= flags(answer, SESSION_COOKIE)
        assert flags(answer, SESSION_COOKIE) & {"secure"} == secure


@pytest.mark.parametrize(
    "path", ["/", "/login", "/channels/new", "/nothing", "/operator", "/channels/list", "/api/health"]
)
def test_headers_keep_pages_to_themselves(visitor: Visitor, path: str) -> None:
    headers = visitor.http.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"


def test_page_has_nothing_inline_and_nothing_from_elsewhere(visitor: Visitor) -> None:
    visitor.register()
    for path in ("/", "/channels/new", "/docs", "/login"):
        text = visitor.http.get(path).text
        assert "style=" not in text
        assert "<script>" not in text
        assert "http://" not in text
        assert "https://" not in text


def test_docs_are_served_from_here(visitor: Visitor) -> None:
    page = visitor.http.get("/docs")
    assert "'unsafe-inline'" not in page.headers["content-security-policy"].split("script-src")[1].split(";")[0]
    for asset in ("/docs/static/swagger-ui-bundle.js", "/docs/static/swagger-ui.css", "/static/docs.js"):
        assert asset in page.text
        answer = visitor.http.get(asset)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-cache"
    document = visitor.http.get("/openapi.json").json()
    assert all(path.startswith("/api/") for path in document["paths"])


def test_wrong_password_and_unknown_user_read_the_same(base_url: str, person: Person) -> None:
    with httpx.Client(base_url=base_url) as http:
        wrong = log_in(http, person.username, "wrong")
        unknown = log_in(http, "nobody", "wrong")
        assert "Username or password is wrong." in wrong.text
        assert SESSION_COOKIE not in http.cookies
        assert wrong.text.replace(person.username, "nobody") == unknown.text


def test_inactive_user_is_told_so_and_signed_out(visitor: Visitor, owner_conn: psycopg.Connection[Any]) -> None:
    owner_conn.execute("UPDATE public.registered_users SET is_active = false")
    assert visitor.http.get("/channels/list").status_code == 401
    answer = visitor.http.get("/")
    assert answer.headers["location"] == "/login"
    assert SESSION_COOKIE not in visitor.http.cookies
    assert "switched off" in log_in(visitor.http, visitor.person.username).text


def test_deleted_user_is_signed_out(visitor: Visitor, owner_conn: psycopg.Connection[Any]) -> None:
    owner_conn.execute("DELETE FROM public.registered_users")
    assert visitor.http.get("/").headers["location"] == "/login"


def test_too_many_attempts_wait_with_the_api(base_url: str, person: Person) -> None:
    with httpx.Client(base_url=base_url) as http:
        for _ in range(10):
            log_in(http, person.username, "wrong")
        answer = log_in(http, person.username)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        assert "Too many attempts" in answer.text
        api = http.post("/api/auth/login", json={"username": person.username, "password": PASSWORD})
        assert api.status_code == 429


@pytest.mark.parametrize(
    ("changes", "secret"),
    [
        ({"type": "access"}, SECRET),
        ({"exp": datetime.now(UTC) - timedelta(seconds=11)}, SECRET),
        ({}, "another secret, longer than 32 bytes too"),
    ],
)
def test_forged_session_is_none(base_url: str, person: Person, changes: dict[str, Any], secret: str) -> None:
    token = jwt.encode(claims(person, **{"type": "session", **changes}), secret, algorithm="HS256")
    with httpx.Client(base_url=base_url, cookies={SESSION_COOKIE: token}) as http:
        assert http.get("/").headers["location"] == "/login"


def test_access_token_of_the_api_is_no_session(base_url: str, person: Person) -> None:
    with httpx.Client(base_url=base_url, cookies={SESSION_COOKIE: person.access_token}) as http:
        assert http.get("/").headers["location"] == "/login"


def test_session_is_no_access_token(visitor: Visitor, base_url: str) -> None:
    token = visitor.http.cookies[SESSION_COOKIE]
    assert httpx.get(f"{base_url}/api/channels", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert httpx.get(f"{base_url}/api/channels", cookies={SESSION_COOKIE: token}).status_code == 401
