"""How often one may try to sign in."""

from collections.abc import Iterator

import bcrypt
import httpx
import pytest

from tests.api.calls import Person, World, log_in, new_world, refused


@pytest.fixture
def world(server_url: str, template: str, api_role: str) -> Iterator[World]:
    """An application of its own for each test: three tries for a name, nine for an address."""
    limits = {"login_limit_per_username": "3 per hour", "login_limit_per_address": "9 per hour"}
    with new_world(server_url, template, api_role, **limits) as made:
        yield made


def test_too_many_tries_for_a_name_are_429_even_with_the_right_password(
    anonymous: httpx.Client, person: Person, other: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        refused(log_in(anonymous, person.username, "wrong"), 401, "login_failed")
    checks: list[bytes] = []

    def noted(_: bytes, hashed: bytes) -> bool:
        checks.append(hashed)
        return True

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    for name in (person.username, person.username.upper()):
        answer = log_in(anonymous, name)
        body = refused(answer, 429, "login_rate_limited")
        assert 0 < body["retry_after_seconds"] <= 3600
        assert answer.headers["retry-after"] == str(body["retry_after_seconds"])
    assert checks == []
    assert log_in(anonymous, other.username).status_code == 200
    assert len(checks) == 1


def test_names_that_nobody_has_are_limited_alike(anonymous: httpx.Client) -> None:
    answers = [log_in(anonymous, "nobody of this name").status_code for _ in range(4)]
    assert answers == [401, 401, 401, 429]


def test_the_right_password_starts_the_count_anew(anonymous: httpx.Client, person: Person) -> None:
    for _ in range(2):
        for _ in range(2):
            refused(log_in(anonymous, person.username, "wrong"), 401, "login_failed")
        assert log_in(anonymous, person.username).status_code == 200


def test_too_many_tries_from_an_address_are_429_whatever_the_name(anonymous: httpx.Client) -> None:
    answers = [log_in(anonymous, f"name {number}", "wrong").status_code for number in range(10)]
    assert answers == [401] * 9 + [429]


def test_whoever_is_signed_in_is_not_limited(anonymous: httpx.Client, person: Person) -> None:
    for _ in range(4):
        log_in(anonymous, person.username, "wrong")
    assert person.http.get("/api/auth/me").status_code == 200
