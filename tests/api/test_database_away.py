"""The database goes away and comes back: 503 meanwhile, and no more than that."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from pyapi.settings import Settings
from tests.api.calls import API_ROLE, SECRET, Person, World, log_in, new_world, refused, registration, served
from tools import databases


@pytest.fixture
def world(server_url: str, template: str, api_role: str) -> Iterator[World]:
    """An application of its own for each test."""
    with new_world(server_url, template, api_role) as made:
        yield made


@pytest.fixture
def admin(server_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection to another database of the server, to shut out whom it likes."""
    with databases.connect(server_url) as conn:
        yield conn


def terminate(admin: psycopg.Connection[Any], world: World) -> int:
    """End the application's backends and wait until they are gone; tells how many there were."""
    row = admin.execute(
        "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
        " WHERE datname = %s AND usename = %s",
        [databases.name_of(world.database), API_ROLE],
    ).fetchone()
    return int(row[0]) if row else 0


def test_backends_that_an_administrator_ends_are_replaced(
    person: Person, world: World, admin: psycopg.Connection[Any]
) -> None:
    before = person.register().json()["broadcast_id"]
    assert terminate(admin, world) >= 1
    answers = [person.http.get("/api/channels") for _ in range(5)]
    # The pool looks at a connection before it hands it out: nobody gets a dead one.
    assert [answer.status_code for answer in answers] == [200] * 5
    assert answers[-1].json()["channels"][0]["broadcast_id"] == before
    assert person.register().status_code == 201


def test_a_backend_that_ends_under_a_request_is_503_and_nothing_is_stored(
    person: Person, world: World, admin: psycopg.Connection[Any], owner_conn: psycopg.Connection[Any]
) -> None:
    channel = registration()
    # The registration waits for its owner's row, and is ended there.
    with owner_conn.transaction():
        owner_conn.execute("SELECT FROM public.registered_users WHERE user_id = %s FOR UPDATE", [person.user_id])
        answers: list[httpx.Response] = []
        caller = threading.Thread(
            target=lambda: answers.append(person.http.post("/api/channels/register", json=channel))
        )
        caller.start()
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = %s AND wait_event_type = 'Lock'"
        )
        while admin.execute(waiting, [databases.name_of(world.database), API_ROLE]).fetchone() != (1,):
            assert caller.is_alive()
        assert terminate(admin, world) >= 1
        caller.join()
    body = refused(answers[0], 503, "database_unavailable")
    assert int(answers[0].headers["retry-after"]) > 0
    assert "try again" in body["error"]
    assert person.http.get("/api/channels").json()["count"] == 0
    assert person.http.post("/api/channels/register", json=channel).status_code == 201


def test_a_row_that_somebody_holds_is_503_after_the_roles_lock_timeout(
    person: Person, world: World, admin: psycopg.Connection[Any], owner_conn: psycopg.Connection[Any]
) -> None:
    channel = registration()
    assert person.http.post("/api/channels/register", json=channel).status_code == 201
    row = f"/api/channels/{channel['open_channel_id']}?closed_channel_id={channel['closed_channel_id']}"
    name = sql.Identifier(databases.name_of(world.database))
    admin.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} SET lock_timeout = 50").format(sql.Identifier(API_ROLE), name))
    terminate(admin, world)
    with owner_conn.transaction():
        owner_conn.execute("SELECT FROM public.registered_users WHERE user_id = %s FOR UPDATE", [person.user_id])
        owner_conn.execute("SELECT FROM public.main_clients_database FOR UPDATE")
        for answer in (person.register(), person.http.put(row, json={"open_channel_title": "Evening"})):
            refused(answer, 503, "database_unavailable")
            assert int(answer.headers["retry-after"]) > 0
        # Who only reads does not wait.
        assert person.http.get("/api/channels").json()["count"] == 1
    assert person.register().status_code == 201


def test_a_database_that_lets_nobody_in_is_503_until_it_does(
    world: World, admin: psycopg.Connection[Any], owner_conn: psycopg.Connection[Any]
) -> None:
    user_id = databases.add_user(owner_conn)
    name = sql.Identifier(databases.name_of(world.database))
    settings = world.settings.model_copy(update={"pool_timeout": 0.5})
    with served(settings) as (url, _), httpx.Client(base_url=url, timeout=30) as http:
        refused(log_in(http, f"user_{user_id.hex[:12]}", "wrong"), 401, "login_failed")
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS FALSE").format(name))
        terminate(admin, world)
        answer = log_in(http, f"user_{user_id.hex[:12]}", "wrong")
        refused(answer, 503, "database_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        body = refused(http.get("/api/health"), 503, "unhealthy")
        assert (body["database"], body["rule"]) == ("unavailable", {})
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS TRUE").format(name))
        # By itself: the pool's next attempt comes within its growing pauses.
        for _ in range(100):
            if (answer := http.get("/api/health")).status_code == 200:
                break
            assert answer.json()["database"] == "unavailable"
        assert answer.json().get("status") == "healthy"


def test_the_application_starts_without_its_database() -> None:
    settings = Settings(
        database_url="postgresql://nobody@127.0.0.1:1/nowhere", jwt_secret_key=SecretStr(SECRET), pool_timeout=0.2
    )
    with served(settings) as (url, _), httpx.Client(base_url=url, timeout=30) as http:
        refused(http.get("/api/health"), 503, "unhealthy")
        refused(log_in(http, "anyone"), 503, "database_unavailable")
        # Without a connection wrong tokens and wrong bodies are still told.
        refused(http.get("/api/channels"), 401, "token_invalid")
        refused(http.post("/api/auth/login", json={}), 400, "validation_failed")


def test_a_server_that_became_read_only_is_left_for_one_that_writes(
    person: Person, world: World, admin: psycopg.Connection[Any]
) -> None:
    name = sql.Identifier(databases.name_of(world.database))
    admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    terminate(admin, world)
    refused(person.register(), 503, "database_unavailable")
    assert person.http.get("/api/channels").json()["count"] == 0
    # As when the name leads to the new server: connections made from now on can write.
    admin.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
    # One refusal a connection at most: each that refuses is left.
    answers = [person.register().status_code for _ in range(world.settings.pool_max_size)]
    assert set(answers) <= {201, 503}
    assert answers[-1] == 201
