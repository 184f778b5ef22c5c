"""kill -9 of PostgreSQL while clients write loses nothing acknowledged: the short form of `tests.trust.crashes`."""

from tests.live import interruptions
from tests.trust.crashes import Counts, crash_often
from tools import databases, servers


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(server: servers.Server, seed: int) -> None:
    counts = Counts()
    with interruptions.own_server(server, fast=False) as own:
        databases.create_owner(own.url)
        crash_often(own, 2, seed, counts)
    print(counts)
    assert counts.transactions > 0
