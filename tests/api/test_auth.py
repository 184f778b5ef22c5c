"""Who may call: names and passwords, tokens, operators."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import bcrypt
import httpx
import jwt
import psycopg
import pytest

from tests.api.calls import PASSWORD, SECRET, Person, bearer, claims, log_in, refused


def set_password(conn: psycopg.Connection[Any], person: Person, password_hash: str) -> None:
    conn.execute(
        "UPDATE public.registered_users SET password_hash = %s WHERE user_id = %s", [password_hash, person.user_id]
    )


def test_signing_in_gives_the_user_and_two_tokens(
    anonymous: httpx.Client, person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    answer = log_in(anonymous, person.username)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["user_id"], body["username"]) == (str(person.user_id), person.username)
    assert (body["email"], body["email_verified"]) == (f"{person.user_id.hex}@example.org", False)
    assert (body["token_type"], body["expires_in"]) == ("bearer", 900)
    assert datetime.fromisoformat(body["created_at"]).utcoffset() is not None
    access = jwt.decode(body["access_token"], SECRET, algorithms=["HS256"])
    assert (access["sub"], access["username"], access["exp"] - access["iat"]) == (
        str(person.user_id),
        person.username,
        900,
    )
    assert "role" not in access
    refresh = jwt.decode(body["refresh_token"], SECRET, algorithms=["HS256"])
    assert refresh["exp"] - refresh["iat"] == timedelta(days=30).total_seconds()
    noted = owner_conn.execute(
        "SELECT last_login > now() - interval '1 hour' FROM public.registered_users WHERE user_id = %s",
        [person.user_id],
    )
    assert noted.fetchone() == (True,)


@pytest.mark.parametrize(
    "password", ["wrong", "", PASSWORD + "x", "x" * 73, "ü" * 40, "with\0nul", PASSWORD + "\0"], ids=repr
)
def test_a_wrong_password_is_401(anonymous: httpx.Client, person: Person, password: str) -> None:
    refused(log_in(anonymous, person.username, password), 401, "login_failed")


def test_an_unknown_name_gets_the_answer_of_a_wrong_password_and_a_bcrypt_check_too(
    anonymous: httpx.Client, person: Person, checked: list[bytes]
) -> None:
    checked.clear()
    unknown, wrong = log_in(anonymous, "nobody of this name"), log_in(anonymous, person.username, "wrong")
    assert (unknown.status_code, unknown.json()) == (wrong.status_code, wrong.json())
    assert [hashed[:7] for hashed in checked] == [b"$2b$12$", b"$2b$04$"]


@pytest.mark.parametrize("prefix", ["$2a$", "$2b$", "$2y$"])
def test_hashes_of_each_bcrypt_kind_are_taken(
    anonymous: httpx.Client, person: Person, owner_conn: psycopg.Connection[Any], prefix: str
) -> None:
    hashed = bcrypt.hashpw(b"another", bcrypt.gensalt(4)).decode()
    set_password(owner_conn, person, prefix + hashed[4:])
    assert log_in(anonymous, person.username, "another").status_code == 200
    refused(log_in(anonymous, person.username), 401, "login_failed")


@pytest.mark.parametrize("password_hash", ["", "x", "$2b$12$" + "x" * 53, "$1$md5$of.old.times", "ä"])
def test_a_hash_that_is_none_lets_nobody_in(
    anonymous: httpx.Client, person: Person, owner_conn: psycopg.Connection[Any], password_hash: str
) -> None:
    set_password(owner_conn, person, password_hash)
    refused(log_in(anonymous, person.username), 401, "login_failed")


def test_an_inactive_user_is_403_at_login_and_with_tokens_of_before(
    anonymous: httpx.Client, person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    owner_conn.execute("UPDATE public.registered_users SET is_active = FALSE WHERE user_id = %s", [person.user_id])
    refused(log_in(anonymous, person.username), 403, "account_inactive")
    refused(log_in(anonymous, person.username, "wrong"), 401, "login_failed")
    refused(person.http.get("/api/channels"), 403, "account_inactive")
    refused(person.register(), 403, "account_inactive")
    refused(anonymous.post("/api/auth/refresh", headers=bearer(person.refresh_token)), 403, "account_inactive")


def test_a_deleted_users_tokens_are_401(
    anonymous: httpx.Client, person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    owner_conn.execute("DELETE FROM public.registered_users WHERE user_id = %s", [person.user_id])
    refused(person.http.get("/api/auth/me"), 401, "token_invalid")
    refused(anonymous.post("/api/auth/refresh", headers=bearer(person.refresh_token)), 401, "token_invalid")


def test_me_tells_whose_token_it_is(person: Person) -> None:
    body = person.http.get("/api/auth/me").json()
    assert set(body) == {"user_id", "username", "email", "email_verified", "created_at", "last_login"}
    assert (body["user_id"], body["username"]) == (str(person.user_id), person.username)
    assert datetime.fromisoformat(body["last_login"]).utcoffset() is not None


def test_a_refresh_token_gives_an_access_token(anonymous: httpx.Client, person: Person) -> None:
    answer = anonymous.post("/api/auth/refresh", headers=bearer(person.refresh_token))
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in"}
    me = anonymous.get("/api/auth/me", headers=bearer(body["access_token"]))
    assert me.json()["user_id"] == str(person.user_id)


def forged(person: Person, secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    return jwt.encode(claims(person, **changes), secret, algorithm=algorithm)


def test_the_tests_own_token_would_pass(anonymous: httpx.Client, person: Person) -> None:
    assert anonymous.get("/api/auth/me", headers=bearer(forged(person))).status_code == 200


@pytest.mark.parametrize(
    "make",
    [
        lambda p: forged(p, secret="another secret, as long as the right one"),  # noqa: S106
        lambda p: forged(p, algorithm="HS512"),
        lambda p: forged(p, secret="", algorithm="none"),
        lambda p: forged(p, exp=datetime.now(UTC) - timedelta(seconds=11)),
        lambda p: forged(p, exp=None),
        lambda p: forged(p, type="refresh"),
        lambda p: forged(p, type="session"),
        lambda p: forged(p, type=None),
        lambda p: forged(p, sub="nobody"),
        lambda p: forged(p, sub=str(uuid4())),
        lambda p: forged(p, sub=None),
        lambda p: forged(p, username=None),
        lambda p: p.refresh_token,
        lambda p: p.access_token[:-2],
        lambda p: p.access_token.rpartition(".")[0] + ".",
        lambda _: "not.a.token",
        lambda _: "x",
        lambda _: jwt.utils.base64url_encode(b"[" * 11_000).decode() + ".e30.e30",
    ],
    ids=[
        "another secret",
        "HS512",
        "alg none",
        "expired",
        "without end",
        "claims to be refresh",
        "claims to be session",
        "of no kind",
        "no UUID",
        "unknown user",
        "of nobody",
        "without name",
        "refresh for access",
        "cut off",
        "without signature",
        "no token",
        "one letter",
        "deep brackets",
    ],
)
def test_a_token_that_is_not_ours_is_401(
    anonymous: httpx.Client, person: Person, make: Callable[[Person], str]
) -> None:
    answer = anonymous.get("/api/channels", headers=bearer(make(person)))
    refused(answer, 401, "token_invalid")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Basic dXNlcjpwYXNz"}],
    ids=str,
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/auth/me"),
        ("POST", "/api/auth/refresh"),
        ("GET", "/api/channels"),
        ("POST", "/api/channels/register"),
        ("GET", "/api/channels/-1003268562225"),
        ("PUT", "/api/channels/-1003268562225"),
        ("DELETE", "/api/channels/-1003268562225"),
        ("POST", "/api/broadcast/trigger"),
        ("POST", "/api/broadcast/reactivate"),
        ("GET", "/api/broadcast/status/7e1018e4-5644-4031-a05c-4166cc877264"),
    ],
)
def test_without_a_token_nothing_is_to_be_had(
    anonymous: httpx.Client, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = anonymous.request(method, path, headers=headers)
    refused(answer, 401, "token_invalid")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_access_token_does_not_renew_itself(anonymous: httpx.Client, person: Person) -> None:
    refused(anonymous.post("/api/auth/refresh", headers=bearer(person.access_token)), 401, "token_invalid")


def test_only_operators_tokens_carry_the_role(anonymous: httpx.Client, new_person: Callable[..., Person]) -> None:
    operator = new_person(operator=True)
    assert jwt.decode(operator.access_token, SECRET, algorithms=["HS256"])["role"] == "operator"
    renewed = anonymous.post("/api/auth/refresh", headers=bearer(operator.refresh_token)).json()["access_token"]
    assert jwt.decode(renewed, SECRET, algorithms=["HS256"])["role"] == "operator"
    assert "role" not in jwt.decode(new_person().access_token, SECRET, algorithms=["HS256"])


def test_a_former_operators_next_token_is_without_the_role(
    anonymous: httpx.Client, new_person: Callable[..., Person], owner_conn: psycopg.Connection[Any]
) -> None:
    operator = new_person(operator=True)
    owner_conn.execute("DELETE FROM broadcast.operators")
    renewed = anonymous.post("/api/auth/refresh", headers=bearer(operator.refresh_token)).json()["access_token"]
    assert "role" not in jwt.decode(renewed, SECRET, algorithms=["HS256"])
