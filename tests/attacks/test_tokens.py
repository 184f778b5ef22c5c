"""Tokens that nobody gave out, and right ones in the wrong place."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import psycopg
import pytest

from pyapi.web.dashboard.sessions import SESSION_COOKIE
from tests.api.calls import SECRET, Person, bearer, refused
from tests.dashboard.visitor import Visitor

# Anybody's: a real service with RS256 would publish it.
PUBLIC_KEY = "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf\n"
# A place for a broadcast's or a channel's id in a path.
PLACES = {"{open_channel_id}": "-1003268562225", "{broadcast_id}": "7e1018e4-5644-4031-a05c-4166cc877264"}


def made(person: Person, header: dict[str, Any], key: str, **claims: Any) -> str:
    """A token put together by hand, since the library refuses to make most of these."""
    now = int(datetime.now(UTC).timestamp())
    said = {"sub": str(person.user_id), "username": person.username, "type": "access", "iat": now, "exp": now + 600}
    parts = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (header, said | claims)]
    signed = b".".join(parts)
    digest = hashlib.sha384 if header.get("alg") == "HS384" else hashlib.sha256
    signature = hmac.digest(key.encode(), signed, digest) if key else b""
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


HEADERS = {
    "none": ({"alg": "none"}, ""),
    "nOnE": ({"alg": "nOnE"}, ""),
    "no algorithm": ({"typ": "JWT"}, SECRET),
    "an empty key": ({"alg": "HS256"}, ""),
    "RS256, signed as HS256 with the public key": ({"alg": "RS256"}, PUBLIC_KEY),
    "HS256 with a public key": ({"alg": "HS256"}, PUBLIC_KEY),
    "RS256 with our secret": ({"alg": "RS256"}, SECRET),
    "HS384 with our secret": ({"alg": "HS384"}, SECRET),
    "a key of its own": (
        {"alg": "HS256", "jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(b"x" * 32).decode()}},
        "x" * 32,
    ),
    "a key from a file": ({"alg": "HS256", "kid": "../../../../dev/null"}, "\0"),
    "a key from elsewhere": ({"alg": "HS256", "jku": "http://127.0.0.1:1/keys"}, "x" * 32),
    "an extension that must be known": ({"alg": "HS256", "crit": ["x"], "x": 1}, SECRET),
}


def test_a_token_put_together_by_hand_would_pass(anonymous: httpx.Client, person: Person) -> None:
    token = made(person, {"alg": "HS256", "typ": "JWT"}, SECRET)
    assert anonymous.get("/api/auth/me", headers=bearer(token)).status_code == 200


@pytest.mark.parametrize(("header", "key"), HEADERS.values(), ids=HEADERS)
def test_another_algorithm_or_key_is_refused_by_api_and_dashboard(
    anonymous: httpx.Client, person: Person, header: dict[str, Any], key: str
) -> None:
    for kind in ("access", "refresh", "session"):
        token = made(person, header, key, type=kind, role="operator")
        refused(anonymous.get("/api/auth/me", headers=bearer(token)), 401, "token_invalid")
        refused(anonymous.post("/api/auth/refresh", headers=bearer(token)), 401, "token_invalid")
        page = anonymous.get("/", headers={"Cookie": f"{SESSION_COOKIE}={token}"})
        assert page.headers["location"] == "/login"


# Of any type, and out of range; whoever has the key may have another program.
ODD: dict[str, list[Any]] = {
    "exp": [
        "1893456000",
        "soon",
        "",
        10**18,
        10**400,
        1e300,
        -1,
        True,
        None,
        [],
        {},
        [9999999999],
        float("nan"),
        float("inf"),
    ],
    "iat": ["0", "x", 10**18, True, None, [], {}, float("inf"), -1, 99999999999],
    "nbf": ["x", None, [], 10**18, float("inf")],
    "sub": [1, None, True, [], {}, "", "nobody", "7e1018e4", "\0", "x" * 5000],
    "username": [1, None, True, [], {}],
    "type": [1, None, True, [], {}, ["access"]],
    "role": [1, True, [], {}, ["operator"]],
    "aud": ["x", 1, [1]],
    "iss": [1, []],
    "jti": [1, []],
}


@pytest.mark.parametrize("claim", ODD)
def test_odd_claims_are_401_though_the_key_is_right(anonymous: httpx.Client, person: Person, claim: str) -> None:
    for value in ODD[claim]:
        token = made(person, {"alg": "HS256"}, SECRET, **{claim: value})
        answer = anonymous.get("/api/auth/me", headers=bearer(token))
        # Claims that are not ours are the library's to judge.
        if answer.status_code != 200 or claim not in {"iss", "jti", "nbf"}:
            refused(answer, 401, "token_invalid")
        kinds = {} if claim == "type" else {"type": "refresh"}
        token = made(person, {"alg": "HS256"}, SECRET, **{**kinds, claim: value})
        assert anonymous.post("/api/auth/refresh", headers=bearer(token)).status_code in {200, 401}
        kinds = {} if claim == "type" else {"type": "session"}
        token = made(person, {"alg": "HS256"}, SECRET, **{**kinds, claim: value})
        for path in ("/", "/events", "/channels/new"):
            with anonymous.stream("GET", path, headers={"Cookie": f"{SESSION_COOKIE}={token}"}) as page:
                assert page.status_code in {303, 401} or claim in {"iss", "jti", "nbf"}, (path, value)


@pytest.mark.parametrize(("seconds", "status"), [(-8, 200), (-12, 401)])
def test_clocks_may_differ_by_ten_seconds(anonymous: httpx.Client, person: Person, seconds: int, status: int) -> None:
    now = int(datetime.now(UTC).timestamp())
    expired = made(person, {"alg": "HS256"}, SECRET, exp=now + seconds)
    assert anonymous.get("/api/auth/me", headers=bearer(expired)).status_code == status
    of_the_future = made(person, {"alg": "HS256"}, SECRET, iat=now - seconds)
    assert anonymous.get("/api/auth/me", headers=bearer(of_the_future)).status_code == status


def test_every_call_takes_its_own_kind_of_token_only(anonymous: httpx.Client, base_url: str, person: Person) -> None:
    visitor = Visitor.signed_in(base_url, person)
    session = visitor.http.cookies[SESSION_COOKIE]
    kinds = {"access": person.access_token, "refresh": person.refresh_token, "session": session}
    calls = 0
    for path, operations in anonymous.get("/openapi.json").json()["paths"].items():
        for method, operation in operations.items():
            for scheme in (name for needed in operation.get("security", []) for name in needed):
                for place, value in PLACES.items():
                    path = path.replace(place, value)
                for kind in kinds.keys() - {scheme.removesuffix(" token")}:
                    refused(anonymous.request(method, path, headers=bearer(kinds[kind])), 401, "token_invalid")
                    # Nor in other places than the header.
                    token = kinds[scheme.removesuffix(" token")]
                    answer = anonymous.request(method, f"{path}?token={token}&access_token={token}")
                    refused(answer, 401, "token_invalid")
                    calls += 1
    assert calls == 2 * 15
    for token in (person.access_token, person.refresh_token):
        page = anonymous.get("/", headers={"Cookie": f"{SESSION_COOKIE}={token}"})
        assert page.headers["location"] == "/login"
    visitor.http.close()


def test_the_role_of_operators_needs_both_token_and_database(
    anonymous: httpx.Client, base_url: str, new_person: Callable[..., Person], owner_conn: psycopg.Connection[Any]
) -> None:
    client, operator = new_person(), new_person(operator=True)
    owner_conn.execute("DELETE FROM broadcast.operators WHERE user_id = %s", [operator.user_id])
    now = datetime.now(UTC)
    claims = {"sub": str(client.user_id), "username": client.username, "type": "access", "role": "operator"}
    claims_with_time = {**claims, "iat": now, "exp": now + timedelta(minutes=5)}
    tokens = {
        "a client's": client.access_token,
        "one with the role, of who is none": jwt.encode(claims_with_time, SECRET, algorithm="HS256"),
        "of who was one": operator.access_token,
    }
    smuggled = {"role": "operator", "is_operator": True, "X-Role": "operator"}
    for name, token in tokens.items():
        answer = anonymous.post(
            "/api/broadcast/execute",
            params={"role": "operator"},
            headers={**bearer(token), "X-Role": "operator"},
            json=smuggled,
        )
        assert refused(answer, 403, "operators_only"), name
    visitor = Visitor.signed_in(base_url, client)
    assert visitor.http.get("/operator?role=operator", headers={"X-Role": "operator"}).status_code == 403
    visitor.http.close()
