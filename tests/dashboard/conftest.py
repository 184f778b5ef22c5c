"""The dashboard on a real port, people who use it over plain HTTP, and whether there is a browser to use it with."""

from collections.abc import Callable, Iterator
from typing import Any

import bcrypt
import psycopg
import pytest
from pydantic import SecretStr

from pyapi.settings import Settings
from tests.api.calls import API_PASSWORD, PASSWORD, SECRET, Person, served

# The role is the API's.
from tests.api.conftest import api_role as api_role
from tests.dashboard.visitor import Visitor
from tools import databases
from tools.chromium import find_chromium

# The cheapest that bcrypt allows: the tests sign in often.
_HASH = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()

# tests/conftest.py tells of it.
collect_ignore = [] if find_chromium() else ["browser"]


@pytest.fixture
def settings(database: str, api_role: str) -> Settings:
    """A fresh database with the rule, as the application's role sees it."""
    url = databases.at(database, databases.name_of(database), api_role, API_PASSWORD)
    return Settings(database_url=url, jwt_secret_key=SecretStr(SECRET))


@pytest.fixture
def base_url(settings: Settings) -> Iterator[str]:
    """Address of the running application."""
    with served(settings) as (url, _):
        yield url


@pytest.fixture
def owner_conn(database: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the tables' owner, to look behind the application's back."""
    with databases.connect(database) as conn:
        yield conn


@pytest.fixture
def new_person(base_url: str, owner_conn: psycopg.Connection[Any]) -> Iterator[Callable[..., Person]]:
    """Makes a registered user who has the tests' password."""
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
    """A client of the platform."""
    return new_person()


@pytest.fixture
def new_visitor(base_url: str, new_person: Callable[..., Person]) -> Iterator[Callable[..., Visitor]]:
    """Makes a user who has signed in to the dashboard, without a browser."""
    visitors: list[Visitor] = []

    def make(*, operator: bool = False) -> Visitor:
        visitors.append(Visitor.signed_in(base_url, new_person(operator=operator)))
        return visitors[-1]

    yield make
    for visitor in visitors:
        visitor.http.close()


@pytest.fixture
def visitor(new_visitor: Callable[..., Visitor]) -> Visitor:
    """A client of the platform, signed in to the dashboard."""
    return new_visitor()
