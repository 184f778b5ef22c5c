"""Each test runs on tables of our own making (text columns) and on the live system's (enums, no time zones)."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tools import databases
from tools.databases import add_user, connect


@pytest.fixture(params=["own tables", "live tables"])
def url(request: pytest.FixtureRequest, server_url: str, template: str, adopted_template: str) -> Iterator[str]:
    """URL of a fresh database with the rule, as its owner; once with each kind of tables."""
    url = databases.create_database(server_url, template if request.param == "own tables" else adopted_template)
    yield url
    databases.drop_database(server_url, url)


@pytest.fixture
def conn(url: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection as the tables' owner."""
    with connect(url) as connection:
        yield connection


@pytest.fixture
def client(conn: psycopg.Connection[Any]) -> UUID:
    """A registered user."""
    return add_user(conn)
