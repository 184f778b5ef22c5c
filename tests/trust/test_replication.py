"""Copies that follow a live database: a logical subscriber that has the rule, too, and a standby that is promoted."""

import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.checks.violations import find_violations
from tests.live import interruptions
from tests.live.interruptions import OwnServer
from tests.trust.writers import Writer, new_writers, wait_for_transactions, writing
from tools import databases, servers

TABLES = ("registered_users", "main_clients_database", "broadcast_manager")
PORT = 5499

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def primary(server: servers.Server) -> Iterator[OwnServer]:
    """A server of this module's own that can be replicated from."""
    with interruptions.own_server(server) as running:
        with databases.connect(running.url) as conn:
            conn.execute("ALTER SYSTEM SET wal_level = logical")
        running.crash()
        databases.create_owner(running.url)
        yield running


@pytest.fixture
def live(primary: OwnServer) -> Iterator[str]:
    """URL of a database with the rule, as its owner."""
    with databases.upgraded_database(primary.url) as url:
        yield url


@pytest.fixture
def writers(live: str, seed: int) -> list[Writer]:
    """Clients of the live database that have written already."""
    made = new_writers(live, seed)
    with writing(live, made):
        wait_for_transactions(made, 40)
    return made


@pytest.fixture
def subscriber(primary: OwnServer) -> Iterator[str]:
    """URL of a second database with the rule, empty, as its owner."""
    with databases.upgraded_database(primary.url) as url:
        yield url


def test_logical_subscriber_with_the_rule_gets_every_row_once(
    primary: OwnServer, live: str, subscriber: str, writers: list[Writer]
) -> None:
    publisher = databases.at(primary.url, databases.name_of(live))
    copy = databases.at(primary.url, databases.name_of(subscriber))
    with databases.connect(publisher) as source, databases.connect(copy) as target:
        source.execute(f"CREATE PUBLICATION channels FOR TABLE {', '.join(TABLES)}".encode())
        # The two databases share a server, where CREATE SUBSCRIPTION would wait for itself to make the slot.
        source.execute("SELECT pg_create_logical_replication_slot('channels', 'pgoutput')")
        target.execute(
            f"CREATE SUBSCRIPTION channels CONNECTION '{publisher}' PUBLICATION channels"
            " WITH (create_slot = false)".encode()
        )
        try:
            with writing(live, writers):
                wait_for_transactions(writers, 40)
                _until(target, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel")
                wait_for_transactions(writers, 40)
                # What cascades, too.
                source.execute("UPDATE registered_users SET last_login = now()")
            gone = writers.pop()
            source.execute("DELETE FROM registered_users WHERE user_id = %s", [gone.client])
            end = _value(source, "SELECT pg_current_wal_insert_lsn()")
            _until(
                source,
                f"SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots WHERE slot_name = 'channels'",
            )
        finally:
            target.execute("ALTER SUBSCRIPTION channels DISABLE")
            target.execute("ALTER SUBSCRIPTION channels SET (slot_name = NONE)")
            target.execute("DROP SUBSCRIPTION channels")
            _until(source, "SELECT NOT active FROM pg_replication_slots WHERE slot_name = 'channels'")
            source.execute("SELECT pg_drop_replication_slot('channels')")

        assert [_rows(target, table) for table in TABLES] == [_rows(source, table) for table in TABLES]
        for writer in writers:
            assert writer.check(target) is None
        # Sequences are not replicated: whoever makes the subscriber the database to write to sets them.
        target.execute("SELECT setval('main_clients_database_id_seq', (SELECT max(id) FROM main_clients_database))")
    _is_in_order(subscriber)
    with writing(subscriber, writers):
        wait_for_transactions(writers, 10)
    _is_in_order(subscriber)


def test_physical_standby_is_in_order_and_takes_over(primary: OwnServer, live: str, writers: list[Writer]) -> None:
    with ExitStack() as stack:
        with writing(live, writers):
            standby = stack.enter_context(_standby(primary))
            wait_for_transactions(writers, 40)
        copy = databases.at(standby, databases.name_of(live))
        with databases.connect(primary.url) as ahead, databases.connect(standby) as behind:
            end = _value(ahead, "SELECT pg_current_wal_insert_lsn()")
            _until(behind, f"SELECT pg_last_wal_replay_lsn() >= '{end}'")
            # On a standby that follows, doctor and verify can look already.
            _is_in_order(copy)
            behind.execute("SELECT pg_promote()")
            _until(behind, "SELECT NOT pg_is_in_recovery()")
        with databases.connect(copy) as conn:
            for writer in writers:
                assert writer.check(conn) is None
        with writing(copy, writers):
            wait_for_transactions(writers, 20)
        _is_in_order(copy)


@contextmanager
def _standby(primary: OwnServer) -> Iterator[str]:
    """Take a base backup of a server, let it follow, and give its URL."""
    with databases.connect(primary.url) as conn:
        data = Path(_value(conn, "SHOW data_directory"))
    # pg_ctl refuses root.
    user = data.stat().st_uid if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="broadcast-manager-standby-"))
    if user is not None:
        os.chown(folder, user, -1)

    def run(program: str, *arguments: str | Path) -> None:
        servers.run_program(user, primary.programs / program, *arguments)

    try:
        run("pg_basebackup", "-D", folder / "data", "-R", "-X", "stream", "-c", "fast", "-d", primary.url)
        control = ("pg_ctl", "-w", "-D", folder / "data")
        options = f"-k {folder} -p {PORT} -c listen_addresses= -c fsync=off"
        run(*control, "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={quote(str(folder))}&port={PORT}"
        finally:
            run(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _until(conn: Connection, query: str) -> None:
    """Ask until the answer is yes, for a minute at most."""
    pause = threading.Event()
    for _ in range(6000):
        if _value(conn, query):
            return
        pause.wait(0.01)
    raise AssertionError(f"not within a minute: {query}")


def _value(conn: Connection, query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def _rows(conn: Connection, table: str) -> list[str]:
    return sorted(str(row[0]) for row in conn.execute(f"SELECT to_jsonb(t)::text FROM {table} AS t".encode()))


def _is_in_order(url: str) -> None:
    with databases.connect(url) as conn:
        assert find_violations(conn) == []
        assert find_drift(read_fingerprint(conn)) == []
