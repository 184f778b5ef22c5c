"""Clients of a live database do not notice an upgrade: the short form of ``make bench-live``."""

from pyapi.checks.violations import find_violations
from tools import databases
from tools.benchmarks import clients, old_database

CHANNELS = 6_000
STATEMENTS = 300


def test_no_client_fails_or_deadlocks_while_an_upgrade_runs(empty_database: str) -> None:
    old_database.fill(empty_database, CHANNELS)
    with clients.running(empty_database, CHANNELS, statements_per_second=400) as load:
        load.wait_for(STATEMENTS)
        databases.upgrade(empty_database)
        load.wait_for(STATEMENTS)
    assert [s for s in load.samples if s.sqlstate] == []
    assert {s.kind for s in load.samples} == {operation.__name__.replace("_", " ") for operation in clients.OPERATIONS}
    with databases.connect(empty_database) as conn:
        assert find_violations(conn) == []
        deadlocks = conn.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert deadlocks == (0,)
