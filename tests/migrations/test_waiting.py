"""Whatever an upgrade waits for is named: the build of an index waits without a word of its own."""

import time
from collections.abc import Callable

import psycopg
import pytest
from alembic.util import CommandError

from pyapi.checks.violations import find_violations
from pyapi.upgrade import frozen_sql, waiting
from tests.live.interruptions import own_server
from tests.migrations import builds
from tools import databases, servers


def upgrade_until_told(
    url: str, caplog: pytest.LogCaptureFixture, told: Callable[[str], bool], release: Callable[[], object]
) -> None:
    """Upgrade beside what is in the way; once that is named, take it out of the way, and the upgrade ends."""
    with builds.upgrading(url) as upgrade:
        until = time.monotonic() + 60
        while not any(told(record.getMessage()) for record in caplog.records):
            assert upgrade.is_alive(), f"it did not wait: {caplog.text}"
            assert time.monotonic() < until, f"nobody was named: {caplog.text}"
            upgrade.join(0.05)
        release()


@pytest.fixture
def _looks_often(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(waiting, "SECONDS", 0.1)
    caplog.set_level("INFO", "alembic.broadcast_manager")


@pytest.mark.usefixtures("_looks_often")
def test_old_snapshot_that_an_index_waits_for_is_named(old_database: str, caplog: pytest.LogCaptureFixture) -> None:
    with psycopg.connect(old_database, application_name="month's report") as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM registered_users")
        blocker = f"pid {reader.info.backend_pid} ({databases.OWNER}, month's report, idle in transaction) since"
        upgrade_until_told(
            old_database,
            caplog,
            lambda line: line.startswith("waiting for ") and blocker in line and "gives up after 10 minutes" in line,
            reader.rollback,
        )


@pytest.mark.usefixtures("_looks_often")
def test_prepared_transaction_is_named_by_its_gid(server: servers.Server, caplog: pytest.LogCaptureFixture) -> None:
    with own_server(server) as own:
        with databases.connect(own.url) as boss:
            boss.execute("ALTER SYSTEM SET max_prepared_transactions = 5")
        own.crash()
        databases.create_owner(own.url)
        url = databases.create_database(own.url)
        databases.load(url, databases.EXISTING_SCHEMA)
        with databases.connect(url) as conn:
            conn.execute("BEGIN")
            databases.add_user(conn)
            # It has locked no table that the rule goes on, and the build of an index waits for it all the same.
            conn.execute("UPDATE broadcast_manager SET is_active = is_active")
            conn.execute("PREPARE TRANSACTION 'left behind'")
            upgrade_until_told(
                url,
                caplog,
                lambda line: "the prepared transaction 'left behind'" in line and databases.OWNER in line,
                lambda: conn.execute("ROLLBACK PREPARED 'left behind'"),
            )


def test_index_that_waited_too_long_says_the_way_out(old_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    send = frozen_sql._send
    with databases.connect(old_database) as conn:
        databases.add_channel(conn, databases.add_user(conn))
    with psycopg.connect(old_database) as reader, monkeypatch.context() as impatient:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM registered_users")
        impatient.setattr(frozen_sql, "_send", lambda statement: send(statement.replace("'10min'", "'100ms'")))
        with pytest.raises(CommandError, match="Way out: End the transactions that were named above") as refusal:
            databases.upgrade(old_database)
    assert "55P03" in str(refusal.value)
    databases.upgrade(old_database)
    with databases.connect(old_database) as conn:
        assert find_violations(conn) == []
