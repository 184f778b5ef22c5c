"""What a request before any login costs grows no faster than the request; how long it takes, make fuzz tells."""

import asyncio

import pytest

from tests.fuzz.requests import GROWING, Requests


@pytest.fixture(scope="module")
def requests() -> Requests:
    """The application."""
    return Requests()


@pytest.mark.parametrize("name", GROWING)
def test_twice_the_input_is_about_twice_the_work(requests: Requests, name: str) -> None:
    largest, make = GROWING[name]
    # The first one of a kind fills caches.
    assert asyncio.run(requests.send(make(largest // 2))) in {200, 206, 303, 400, 401, 404, 415, 503}
    half, whole = requests.calls(make(largest // 2)), requests.calls(make(largest))
    assert whole <= 2.2 * half + 200


def test_more_than_the_largest_is_refused(requests: Requests) -> None:
    refused = {name: asyncio.run(requests.send(make(2 * largest))) for name, (largest, make) in GROWING.items()}
    assert set(refused.values()) <= {400, 413, 414, 415, 431}, refused
