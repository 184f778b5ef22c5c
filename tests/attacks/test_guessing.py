"""Guessing passwords: the limit holds whoever guesses how, and nothing tells whether a name is right."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.calls import PASSWORD, Person, World, log_in, refused
from tests.api.conftest import checked as checked
from tests.api.conftest import limited_world as limited_world
from tests.dashboard.visitor import log_in as log_in_by_form


@pytest.fixture
def world(limited_world: World) -> World:
    """Three tries for a name, nine for an address."""
    return limited_world


def test_guesses_at_the_same_moment_are_counted_one_by_one(base_url: str, person: Person, checked: list[bytes]) -> None:
    def guess(number: int) -> int:
        with httpx.Client(base_url=base_url, timeout=30) as http:
            return log_in(http, person.username, f"guess {number}").status_code

    # The sign-in of the fixture counts for the address alone.
    checked.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(guess, range(8)))
    assert answers == [401] * 3 + [429] * 5
    assert len(checked) == 3


def test_an_address_that_the_client_made_up_does_not_count(anonymous: httpx.Client) -> None:
    # A proxy adds the address that it sees at the end; what stands before is the client's own invention.
    answers = []
    for number in range(10):
        headers = {"X-Forwarded-For": f"198.51.100.{number}, 203.0.113.7"}
        form = {"username": f"name {number}", "password": "wrong"}
        answers.append(anonymous.post("/api/auth/login", json=form, headers=headers).status_code)
    assert answers == [401] * 9 + [429]


def test_all_of_an_ipv6_network_is_one_address(anonymous: httpx.Client) -> None:
    def guess(address: str) -> int:
        form = {"username": address, "password": "wrong"}
        return anonymous.post("/api/auth/login", json=form, headers={"X-Forwarded-For": address}).status_code

    # The last 64 bits are the client's to choose.
    assert [guess(f"2001:db8:0:7:{number:x}::1") for number in range(10)] == [401] * 9 + [429]
    assert guess("2001:db8:0:8::1") == 401


def test_other_spellings_of_a_name_are_no_further_guesses(anonymous: httpx.Client, person: Person) -> None:
    for _ in range(3):
        refused(log_in(anonymous, person.username, "wrong"), 401, "login_failed")
    # One counts as the name itself; none signs in, not even with the right password.
    spellings = [person.username.upper(), f" {person.username}", f"{person.username}\u200b"]
    assert [log_in(anonymous, spelling).status_code for spelling in spellings] == [429, 401, 401]
    page = log_in_by_form(anonymous, f" {person.username} ")
    assert page.status_code == 429


def test_a_lock_out_is_not_told_from_that_of_a_name_that_nobody_has(anonymous: httpx.Client, person: Person) -> None:
    told = []
    for name in (person.username, "nobody of this name"):
        answers = [log_in(anonymous, name, "wrong") for _ in range(4)]
        # Only the seconds until it ends differ.
        told.append([(a.status_code, a.json()["code"], sorted(a.headers)) for a in answers])
    assert told[0] == told[1]


def test_a_form_of_another_site_is_no_guess(anonymous: httpx.Client, person: Person, checked: list[bytes]) -> None:
    for _ in range(5):
        form = {"username": person.username, "password": PASSWORD}
        answer = anonymous.post("/login", data=form, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403
    assert checked == []
    assert log_in(anonymous, person.username).status_code == 200
