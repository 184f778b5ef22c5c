"""What every test of the guarantee starts from: a database with the rule, a connection and an owner of channels."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tools.databases import add_user, connect


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection as the tables' owner."""
    with connect(database) as connection:
        yield connection


@pytest.fixture
def client(conn: psycopg.Connection[Any]) -> UUID:
    """A registered user."""
    return add_user(conn)
