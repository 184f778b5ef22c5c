"""Each test runs on tables of our own making (text columns) and on the live system's (enums, no time zones)."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tools.databases import add_user


@pytest.fixture(params=["own tables", "live tables"])
def database(
    request: pytest.FixtureRequest, new_database: Callable[..., str], template: str, adopted_template: str
) -> str:
    """URL of a fresh database with the rule, as its owner; once with each kind of tables."""
    return new_database(template if request.param == "own tables" else adopted_template)


@pytest.fixture
def client(conn: psycopg.Connection[Any]) -> UUID:
    """A registered user."""
    return add_user(conn)
