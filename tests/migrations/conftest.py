"""A second database beside the test's own."""

from collections.abc import Callable, Iterator

import pytest

from tools import databases


@pytest.fixture
def clone(server_url: str, owner: str) -> Iterator[Callable[..., str]]:
    """Make a further database, empty or as a copy of the database at a URL."""
    del owner
    made = []

    def make(url: str | None = None) -> str:
        made.append(databases.create_database(server_url, None if url is None else databases.name_of(url)))
        return made[-1]

    yield make
    for url in made:
        databases.drop_database(server_url, url)
