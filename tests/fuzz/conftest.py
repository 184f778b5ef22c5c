"""A fresh database that may be fuzzed."""

from collections.abc import Callable, Iterator

import pytest

from tests.fuzz.functions import Fuzz


@pytest.fixture
def fuzz(database: str, superuser: Callable[[str], str]) -> Iterator[Fuzz]:
    """The database with its catalogue, and what is made up for it."""
    made = Fuzz(database, superuser(database))
    yield made
    made.close()
