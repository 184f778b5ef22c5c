"""Ten channels an account, however many ask at the same moment."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest

from tests.api.calls import Person, World, new_world, refused
from tools import databases

AT_ONCE = 20


@pytest.fixture
def world(server_url: str, template: str, api_role: str) -> Iterator[World]:
    """An application of its own for each test."""
    with new_world(server_url, template, api_role) as made:
        yield made


def test_twenty_registrations_at_once_make_ten_channels(person: Person, owner_conn: psycopg.Connection[Any]) -> None:
    ready = Barrier(AT_ONCE)

    def register(_: int) -> int:
        ready.wait()
        answer = person.register()
        if answer.status_code != 201:
            refused(answer, 400, "channel_limit_reached")
        return answer.status_code

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = sorted(pool.map(register, range(AT_ONCE)))
    assert answers == [201] * 10 + [400] * 10
    assert person.http.get("/api/channels").json()["count"] == 10
    rows = owner_conn.execute("SELECT count(*) FROM public.broadcast_manager").fetchone()
    assert rows == (10,)


def test_the_limit_is_a_setting_of_the_database_and_takes_effect_at_once(
    person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    owner_conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 1")
    assert person.register().status_code == 201
    assert refused(person.register(), 400, "channel_limit_reached")["error"] == "Maximum 1 channels per account"
    assert person.http.get("/api/channels").json()["max_channels"] == 1


def test_other_writers_are_not_limited_and_their_channels_count(
    person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    for _ in range(12):
        databases.add_channel(owner_conn, person.user_id)
    assert person.http.get("/api/channels").json()["count"] == 12
    refused(person.register(), 400, "channel_limit_reached")
