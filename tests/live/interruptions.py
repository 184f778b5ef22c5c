"""Stops an upgrade where a test wants it, and takes the process, the backend or the server away from under it."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from demo.embedded import embedded_server, server_binaries
from pyapi.checks.violations import find_violations
from tests.migrations import builds
from tools import databases, servers

Pair = tuple[str, str]

MAKE_SCHEMA = databases.ROOT / "migrations" / "schema.sql"
VERSION_TABLE: LiteralString = """
CREATE TABLE IF NOT EXISTS broadcast.alembic_version (
    version_num varchar(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
"""

# The backend of the upgrade, once it waits for something that only the test gives.
HELD_UP: LiteralString = """
SELECT l.pid
FROM pg_locks AS l
INNER JOIN pg_stat_activity AS a ON l.pid = a.pid
WHERE NOT l.granted AND l.pid <> pg_backend_pid() AND a.datname = current_database()
    AND l.locktype = %s
"""


@dataclass
class OwnServer:
    """A server that a test may crash."""

    url: str
    programs: Path

    def crash(self) -> None:
        """Stop it as a power cut would, and start it again."""
        with databases.connect(self.url) as conn:
            row = conn.execute("SHOW data_directory").fetchone()
        assert row is not None
        folder = Path(row[0])
        # pg_ctl refuses root.
        user = folder.stat().st_uid if os.geteuid() == 0 else None
        subprocess.run(
            [self.programs / "pg_ctl", "restart", "-w", "-m", "immediate", "-D", folder, "-l", folder / "restart.log"],
            user=user,
            cwd="/",
            stdout=subprocess.DEVNULL,
            check=True,
        )


@contextmanager
def own_server(server: servers.Server, *, fast: bool = True) -> Iterator[OwnServer]:
    """Run a server of the sort that the tests run on, or of one that is installed here; `fast` switches fsync off."""
    installed = servers.system_binaries()
    if server.kind == "embedded" or installed is None:
        with embedded_server(fast=fast) as url:
            yield OwnServer(url, server_binaries())
    else:
        with servers.system_server(installed, fast=fast) as url:
            yield OwnServer(url, installed)


@dataclass
class Inventory:
    """What may not get lost: every channel, and every broadcast row or its copy in the quarantine."""

    pairs: list[Pair]
    broadcasts: set[Any]

    @classmethod
    def of(cls, url: str) -> "Inventory":
        """Take it on a database before the upgrade."""
        with databases.connect(url) as conn:
            return cls(_pairs(conn), {row[0] for row in conn.execute("SELECT id FROM broadcast_manager")})

    def check(self, url: str) -> None:
        """Nothing is lost, nothing is there twice, and the rule is kept."""
        with databases.connect(url) as conn:
            assert _pairs(conn) == self.pairs
            rows = [row[0] for row in conn.execute("SELECT id FROM broadcast_manager")]
            kept = [row[0] for row in conn.execute("SELECT broadcast_id FROM broadcast.quarantine")]
            assert find_violations(conn) == []
        assert len(rows) == len(self.pairs)
        assert self.broadcasts <= {*rows, *kept}
        assert len(kept) == len(set(kept))


def _pairs(conn: psycopg.Connection[Any]) -> list[Pair]:
    query = "SELECT open_channel_id, closed_channel_id FROM main_clients_database ORDER BY 1, 2"
    return conn.execute(query).fetchall()


@contextmanager
def version_table_held(url: str) -> Iterator[None]:
    """Let every revision run to its end but for its entry in the version table, for as long as the block lasts."""
    with databases.connect(url) as conn:
        conn.execute(MAKE_SCHEMA.read_bytes())
        conn.execute(VERSION_TABLE)
    with holding(url, "LOCK TABLE broadcast.alembic_version IN SHARE MODE"):
        yield


@contextmanager
def holding(url: str, lock: LiteralString) -> Iterator[None]:
    """Take a lock in a transaction that stays open as long as the block lasts, or as long as the server does."""
    holder = databases.connect(url, autocommit=False)
    try:
        holder.execute(lock)
        yield
    finally:
        with suppress(psycopg.OperationalError):
            holder.rollback()
        holder.close()


def kill_alembic(server: OwnServer, url: str, waits_for: str) -> None:
    """Run an upgrade in a process of its own until it is held up, and kill it with SIGKILL."""
    del server
    process = builds.start_alembic("upgrade", "head", url=url)
    with databases.connect(url) as conn:
        _wait_until_held_up(conn, waits_for, lambda: process.poll() is None)
    process.kill()
    process.communicate()


def terminate_backend(server: OwnServer, url: str, waits_for: str) -> None:
    """Run an upgrade until it is held up, and take its connection away."""
    del server
    with _broken_upgrade(url) as upgrade, databases.connect(url) as conn:
        pid = _wait_until_held_up(conn, waits_for, upgrade.is_alive)
        conn.execute("SELECT pg_terminate_backend(%s)", [pid])


def crash_server(server: OwnServer, url: str, waits_for: str) -> None:
    """Run an upgrade until it is held up, and stop the server under it without a checkpoint."""
    with _broken_upgrade(url) as upgrade:
        with databases.connect(url) as conn:
            _wait_until_held_up(conn, waits_for, upgrade.is_alive)
        server.crash()


@contextmanager
def _broken_upgrade(url: str) -> Iterator[threading.Thread]:
    ended: list[Exception | None] = []

    def upgrade() -> None:
        try:
            databases.upgrade(url)
            ended.append(None)
        except (CommandError, SQLAlchemyError, psycopg.Error) as error:
            ended.append(error)

    thread = threading.Thread(target=upgrade, daemon=True)
    thread.start()
    yield thread
    thread.join(timeout=60)
    assert ended, "the upgrade did not end"
    assert ended[0] is not None, "the upgrade was not interrupted"


def _wait_until_held_up(conn: psycopg.Connection[Any], waits_for: str, alive: Callable[[], bool]) -> int:
    while (row := conn.execute(HELD_UP, [waits_for]).fetchone()) is None:
        assert alive(), "the upgrade was never held up"
    return int(row[0])
