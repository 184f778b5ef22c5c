"""A server that may be crashed."""

from collections.abc import Iterator

import pytest

from tests.live import interruptions
from tools import databases, servers


@pytest.fixture(scope="module")
def own_server(server: servers.Server) -> Iterator[interruptions.OwnServer]:
    """A server of this module's own."""
    with interruptions.own_server(server) as running:
        databases.create_owner(running.url)
        yield running
