"""The application on a real port, as a role that is only a member of broadcast_api, and people who call it."""

from collections.abc import Callable, Iterator
from typing import Any

import bcrypt
import httpx
import psycopg
import pytest
from psycopg import sql

from tests.api.calls import API_PASSWORD, API_ROLE, PASSWORD, Person, World, new_world
from tools import databases
from tools.databases import connect

# The cheapest that bcrypt allows: the tests sign in often.
_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()


@pytest.fixture(scope="session")
def api_role(server_url: str, template: str) -> str:
    """Name of a login role with the API's privileges and no others; the upgrade made the role it belongs to."""
    del template
    with connect(server_url, autocommit=False) as conn:
        # Runs that share a server would meet in pg_authid.
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('test_api'))")
        found = conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [API_ROLE]).fetchone()
        if found is None:
            conn.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(API_ROLE), sql.Literal(API_PASSWORD))
            )
        conn.execute(sql.SQL("GRANT broadcast_api TO {}").format(sql.Identifier(API_ROLE)))
    return API_ROLE


@pytest.fixture(scope="module")
def world(server_url: str, template: str, api_role: str) -> Iterator[World]:
    """The application on a database; a module's tests share it, each with people of its own."""
    with new_world(server_url, template, api_role) as made:
        yield made


@pytest.fixture(scope="module", params=["own tables", "live tables"])
def world_of_each_kind(
    request: pytest.FixtureRequest, server_url: str, template: str, adopted_template: str, api_role: str
) -> Iterator[World]:
    """The application, once on each kind of tables, for a module whose world is this."""
    with new_world(server_url, template if request.param == "own tables" else adopted_template, api_role) as made:
        yield made


@pytest.fixture
def limited_world(server_url: str, template: str, api_role: str) -> Iterator[World]:
    """An application of its own for each test, with three tries for a name, nine for an address."""
    limits = {"login_limit_per_username": "3 per hour", "login_limit_per_address": "9 per hour"}
    with new_world(server_url, template, api_role, **limits) as made:
        yield made


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes that bcrypt is asked about."""
    asked: list[bytes] = []
    real = bcrypt.checkpw

    def noted(password: bytes, hashed: bytes) -> bool:
        asked.append(hashed)
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", noted)
    return asked


@pytest.fixture
def base_url(world: World) -> str:
    """Address of the running application."""
    return world.base_url


@pytest.fixture
def owner_conn(world: World) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the tables' owner, to look behind the API's back."""
    with connect(world.database) as conn:
        yield conn


@pytest.fixture
def anonymous(base_url: str) -> Iterator[httpx.Client]:
    """A client without a token."""
    with httpx.Client(base_url=base_url, timeout=30) as http:
        yield http


@pytest.fixture
def new_person(base_url: str, owner_conn: psycopg.Connection[Any]) -> Iterator[Callable[..., Person]]:
    """Makes a registered user with a password who has signed in, with a connection of their own to the API."""
    people: list[Person] = []

    def make(*, operator: bool = False) -> Person:
        user_id = databases.add_user(owner_conn)
        owner_conn.execute("UPDATE public.registered_users SET password_hash = %s WHERE user_id = %s", [_HASH, user_id])
        if operator:
            owner_conn.execute("INSERT INTO broadcast.operators (user_id) VALUES (%s)", [user_id])
        people.append(Person.signed_in(base_url, user_id, f"user_{user_id.hex[:12]}"))
        return people[-1]

    yield make
    for person in people:
        person.http.close()


@pytest.fixture
def person(new_person: Callable[..., Person]) -> Person:
    """A client of the platform, signed in."""
    return new_person()


@pytest.fixture
def other(new_person: Callable[..., Person]) -> Person:
    """Another client."""
    return new_person()
