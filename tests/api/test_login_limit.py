"""How often one may try to sign in."""

import httpx
import pytest

from tests.api.calls import Person, World, log_in, refused


@pytest.fixture
def world(limited_world: World) -> World:
    """Three tries for a name, nine for an address."""
    return limited_world


def test_too_many_tries_for_a_name_are_429_even_with_the_right_password(
    anonymous: httpx.Client, person: Person, other: Person, checked: list[bytes]
) -> None:
    for _ in range(3):
        refused(log_in(anonymous, person.username, "wrong"), 401, "login_failed")
    checked.clear()
    for name in (person.username, person.username.upper()):
        answer = log_in(anonymous, name)
        body = refused(answer, 429, "login_rate_limited")
        assert 0 < body["retry_after_seconds"] <= 3600
        assert answer.headers["retry-after"] == str(body["retry_after_seconds"])
    assert checked == []
    assert log_in(anonymous, other.username).status_code == 200
    assert len(checked) == 1


def test_the_right_password_starts_the_count_anew(anonymous: httpx.Client, person: Person) -> None:
    for _ in range(2):
        for _ in range(2):
            refused(log_in(anonymous, person.username, "wrong"), 401, "login_failed")
        assert log_in(anonymous, person.username).status_code == 200


def test_whoever_is_signed_in_is_not_limited(anonymous: httpx.Client, person: Person) -> None:
    for _ in range(4):
        log_in(anonymous, person.username, "wrong")
    assert person.http.get("/api/auth/me").status_code == 200
