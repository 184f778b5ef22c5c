"""On a live database nobody queues behind a migration."""

import threading
from typing import Any

import psycopg
import pytest

from pyapi.checks.drift import find_drift
from tests.migrations import builds
from tools import databases

WAITING = """
SELECT count(*) FROM pg_locks AS l
WHERE NOT l.granted AND l.relation = ANY (%s::regclass [])
    AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
"""


TABLES = ["registered_users", "main_clients_database", "broadcast_manager"]


def until_it_waits(conn: psycopg.Connection[Any], upgrade: threading.Thread) -> None:
    # Each try waits 100 ms for the lock, which is many of our looks.
    while conn.execute(WAITING, [TABLES]).fetchone() == (0,):
        assert upgrade.is_alive(), "the upgrade never had to wait"


# From there on: before that, the builds of indexes wait without a lock that anyone could queue behind.
@pytest.mark.parametrize(
    ("table", "mode"),
    [
        ("registered_users", "ACCESS SHARE"),
        ("main_clients_database", "ROW EXCLUSIVE"),
        ("broadcast_manager", "ACCESS SHARE"),
        ("broadcast_manager", "ROW EXCLUSIVE"),
    ],
)
def test_clients_do_not_queue_behind_an_upgrade_that_waits(table: str, mode: str, old_database: str) -> None:
    builds.fill_old_database(old_database)
    databases.upgrade(old_database, builds.revision_named("channel_keys"))
    with (
        databases.connect(old_database, autocommit=False) as blocker,
        databases.connect(old_database, options="-c statement_timeout=30s") as client,
    ):
        blocker.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
        with builds.upgrading(old_database) as upgrade:
            for _ in range(3):
                until_it_waits(client, upgrade)
                client.execute("UPDATE broadcast_manager SET last_error_message = 'seen', updated_at = now()")
                pair = databases.add_channel(client, databases.add_user(client))
                client.execute("DELETE FROM main_clients_database WHERE open_channel_id = %s", [pair[0]])
                assert upgrade.is_alive()
            blocker.commit()
    assert find_drift(builds.fingerprint(old_database)) == []


def test_upgrade_waits_for_a_channel_that_a_client_holds_before_it_adds_the_next_key(old_database: str) -> None:
    with databases.connect(old_database) as conn:
        client = databases.add_user(conn)
        held, free = databases.add_channel(conn, client), databases.add_channel(conn, client)
    with (
        databases.connect(old_database, autocommit=False) as blocker,
        databases.connect(old_database, options="-c statement_timeout=30s") as conn,
    ):
        databases.upgrade(old_database, builds.revision_named("rule"))
        blocker.execute("SELECT FROM main_clients_database WHERE open_channel_id = %s FOR UPDATE", [held[0]])
        with builds.upgrading(old_database) as upgrade:
            while databases.broadcast_id(conn, free) is None:
                assert upgrade.is_alive()
            # The key that is not there yet would refuse this one.
            conn.execute("DELETE FROM broadcast_manager WHERE open_channel_id = %s", [free[0]])
            assert upgrade.is_alive()
            blocker.commit()
        assert databases.broadcast_id(conn, held) is not None
        assert databases.broadcast_id(conn, free) is not None
    assert find_drift(builds.fingerprint(old_database)) == []


def test_lock_given_up_names_its_holder(database: str) -> None:
    # The same function with two attempts instead of sixty, which take minutes.
    patient = (builds.SQL / "adoption" / "lock_without_queueing.sql").read_text()
    hasty = patient.replace("1..60", "1..2")
    assert hasty != patient
    with (
        databases.connect(database, autocommit=False, application_name="nightly report") as holder,
        databases.connect(database) as conn,
    ):
        conn.execute(hasty.encode())
        holder.execute("SELECT FROM broadcast_manager")
        with pytest.raises(psycopg.Error) as refusal:
            conn.execute("SELECT broadcast.lock_without_queueing('ACCESS EXCLUSIVE', 'broadcast_manager')")
        assert refusal.value.sqlstate == "BM003"
        told = refusal.value.diag.message_detail or ""
        assert f"pid {holder.info.backend_pid}" in told
        assert "nightly report" in told
