"""Large and odd heads of requests cost next to nothing, and are refused before anything parses them."""

import asyncio
from http import cookies
from typing import Any

import httpx
import pytest
from starlette.requests import Request

from pyapi.web.dashboard.sessions import SESSION_COOKIE
from pyapi.web.middleware.head_limit import MAX_HEADER_BYTES, MAX_TARGET_BYTES, HeadLimit
from tests.api.calls import Person, bearer, refused
from tests.dashboard.visitor import Visitor

QUOTED = 'a="' + "\\042" * 3000 + '"'


def test_headers_up_to_the_limit_are_taken_and_no_more(anonymous: httpx.Client) -> None:
    # What the client sends beside it, counted as the limit counts.
    sent = anonymous.get("/api/health").request.headers.raw
    left = MAX_HEADER_BYTES - sum(len(name) + len(value) + 32 for name, value in sent) - len("x") - 32
    assert anonymous.get("/api/health", headers={"X": "y" * left}).status_code == 200
    answer = anonymous.get("/api/health", headers={"X": "y" * (left + 1)})
    refused(answer, 431, "request_header_fields_too_large")
    many = [(f"x{n}", "") for n in range(500)]
    refused(anonymous.get("/api/health", headers=many), 431, "request_header_fields_too_large")
    page = anonymous.get("/login", headers={"X": "y" * (left + 1)})
    assert (page.status_code, "<h1>" in page.text) == (431, True)


def test_an_address_up_to_the_limit_is_taken_and_no_longer_one(anonymous: httpx.Client) -> None:
    left = MAX_TARGET_BYTES - len("/api/health") - len("x=")
    assert anonymous.get(f"/api/health?x={'y' * left}").status_code == 200
    refused(anonymous.get(f"/api/health?x={'y' * (left + 1)}"), 414, "uri_too_long")
    refused(anonymous.get(f"/api/{'y' * MAX_TARGET_BYTES}"), 414, "uri_too_long")


@pytest.fixture
def unquoted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the standard library's slow function is given."""
    given: list[str] = []
    real: Any = getattr(cookies, "_unquote")  # noqa: B009 # it has no public name, and Starlette calls it

    def noted(value: str) -> Any:
        given.append(value)
        return real(value)

    monkeypatch.setattr(cookies, "_unquote", noted)
    return given


def test_quoted_cookies_are_never_unquoted(
    anonymous: httpx.Client, person: Person, base_url: str, unquoted: list[str]
) -> None:
    for path in ("/", "/login", "/api/health", "/api/channels", "/openapi.json", "/events", "/nothing"):
        assert anonymous.get(path, headers={"Cookie": QUOTED}).status_code < 500
        own = QUOTED.replace("a=", f"{SESSION_COOKIE}=")
        assert anonymous.get(path, headers={"Cookie": own}).status_code < 500
    assert all('"' not in value for value in unquoted)
    # Those of other services on this host do not keep anyone from signing in.
    visitor = Visitor.signed_in(base_url, person)
    mine = f"{SESSION_COOKIE}={visitor.http.cookies[SESSION_COOKIE]}"
    for sent in (f"{QUOTED}; {mine}; b=c", f"{mine};{QUOTED}"):
        assert anonymous.get("/", headers={"Cookie": sent}).status_code == 200
    split = [("Cookie", QUOTED), ("Cookie", mine)]
    assert anonymous.get("/", headers=split).status_code == 200
    visitor.http.close()


def test_a_head_that_is_too_large_is_not_looked_at() -> None:
    class Untouched(bytes):
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError(f"{name}() of a header's value was called")

    async def answer(request: Request, error: Exception) -> Any:
        assert request.headers.raw == []
        raise error

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"cookie", Untouched(b"y" * MAX_HEADER_BYTES))],
    }
    with pytest.raises(Exception, match="431"):
        asyncio.run(HeadLimit(_never, answer)(scope, _never, _never))


async def _never(*_: Any) -> Any:
    raise AssertionError("it was called")


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer " + "." * 8_000},
        {"Authorization": "Bearer " + "[" * 8_000},
        bearer("e30." + "W1tb" * 2_000 + "." + "e30"),
        {"X-Forwarded-For": "127.0.0.1," * 800},
        {"X-Forwarded-For": ":" * 8_000},
        {"X-Forwarded-Proto": "https," * 800},
        {"Forwarded": "for=127.0.0.1;" * 800},
        {"X-Request-ID": "x" * 8_000},
        {"Origin": "https://" + "a." * 4_000},
        {"Content-Type": "application/x-www-form-urlencoded" + ";a=b" * 1_000},
        {"Accept": "text/html," * 800},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_odd_headers_are_answered_like_any(anonymous: httpx.Client, headers: dict[str, str]) -> None:
    for method, path in (("GET", "/api/channels"), ("GET", "/"), ("POST", "/login"), ("POST", "/api/auth/login")):
        assert anonymous.request(method, path, headers=headers).status_code in {303, 400, 401, 403, 415}
