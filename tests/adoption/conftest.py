"""Fixtures of the adoption tests: a connection to the database of before."""

from collections.abc import Iterator

import pytest

from tests.adoption.states import Conn
from tools import databases


@pytest.fixture
def old(old_database: str) -> Iterator[Conn]:
    """A connection to the old database, in autocommit, as its owner."""
    with databases.connect(old_database) as conn:
        yield conn
