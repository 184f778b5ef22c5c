"""The dashboard on a real port, people who use it over plain HTTP, and whether there is a browser to use it with."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from pyapi.settings import Settings
from tests.api.calls import API_PASSWORD, SECRET, Person, served

# The role and the people are the API's.
from tests.api.conftest import api_role as api_role
from tests.api.conftest import new_person as new_person
from tests.api.conftest import person as person
from tests.dashboard.visitor import Visitor
from tools import databases
from tools.chromium import find_chromium

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
def owner_conn(conn: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    """The connection as the tables' owner, to look behind the application's back."""
    return conn


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
