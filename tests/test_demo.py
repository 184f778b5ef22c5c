"""The demo tells its story against a database of one's own, and gives it back as it was."""

import os
import re
import signal
import subprocess
import sys
import time

import psycopg
import pytest

from tools.databases import ROOT, connect

LEFT_OVER = (
    "WITH ours AS (SELECT n.oid, n.nspname FROM pg_namespace AS n WHERE n.nspname IN ('public', 'broadcast'))"
    " SELECT c.oid::regclass::text FROM pg_class AS c INNER JOIN ours AS s ON c.relnamespace = s.oid"
    " UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc AS p INNER JOIN ours AS s ON p.pronamespace = s.oid"
    " UNION ALL SELECT t.oid::regtype::text FROM pg_type AS t INNER JOIN ours AS s ON t.typnamespace = s.oid"
    " UNION ALL SELECT s.nspname FROM ours AS s WHERE s.nspname <> 'public'"
    " ORDER BY 1"
)
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def environment(url: str) -> dict[str, str]:
    """The environment of a user who wants the demo in this database."""
    return {**os.environ, "DATABASE_URL": url, "PYTHONIOENCODING": "utf-8"}


def run_demo(url: str) -> subprocess.CompletedProcess[str]:
    """Run the demo to its end."""
    return subprocess.run(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=environment(url),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def objects(url: str) -> list[str]:
    """Everything in the schemas public and broadcast."""
    with connect(url) as conn:
        return [name for (name,) in conn.execute(LEFT_OVER)]


def stop_demo_while_it_upgrades(url: str, how: signal.Signals) -> int:
    """Start the demo, send it a signal when its tables are there, and tell its exit code."""
    with (
        subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=ROOT,
            env=environment(url),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as demo,
        connect(url) as conn,
    ):
        deadline = time.monotonic() + 30
        query = "SELECT to_regclass('broadcast.quarantine') IS NOT NULL"
        while conn.execute(query).fetchone() != (True,):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        demo.send_signal(how)
        return demo.wait(30)


def wait_for_the_others_to_leave(url: str) -> None:
    """Wait until ours is the only session in the database."""
    with connect(url) as conn:
        query = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        deadline = time.monotonic() + 30
        while conn.execute(query).fetchone() != (1,):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_story_is_told_and_database_is_given_back_empty(empty_database: str) -> None:
    done = run_demo(empty_database)

    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"📢 [1-9]\d+ violations before the upgrade\.", done.stdout)
    assert "📢 0 violations: 40 channels, 40 broadcast rows" in done.stdout
    for reason in ("channel_gone", "owner_corrected", "relinked"):
        assert reason in done.stdout
    for client in ("psql", "psycopg", "SQLAlchemy ORM", "COPY"):
        assert re.search(rf"│ {client} +│ -100\d+ / -100\d+ │ {UUID} │", done.stdout), client
    assert re.search(r"before │ +44 │ +44 │ +1 │\n│ after +│ +43 │ +43 │ +0 │", done.stdout)
    assert re.findall(r"refused +(at \w+), SQLSTATE (\w+)", done.stdout) == [
        ("at COMMIT", "23503"),
        ("at once", "BM002"),
        ("at once", "23503"),
    ]
    assert "📢 0 violations: 43 channels, 43 broadcast rows" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert objects(empty_database) == []


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE broadcast_manager (id int)",
        "CREATE TABLE broadcast_manager_demo (role_to_drop text)",
        "CREATE TYPE currency_type AS ENUM ('EUR')",
        "CREATE SCHEMA broadcast",
    ],
)
def test_database_with_foreign_objects_is_refused_and_unchanged(empty_database: str, statement: str) -> None:
    with connect(empty_database) as conn:
        conn.execute(statement.encode())
    before = objects(empty_database)

    done = run_demo(empty_database)

    assert done.returncode == 1
    assert "is not empty" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert objects(empty_database) == before


def test_demo_that_is_stopped_cleans_up(empty_database: str) -> None:
    assert stop_demo_while_it_upgrades(empty_database, signal.SIGTERM) == 130
    assert objects(empty_database) == []


def test_what_a_crashed_demo_left_is_cleaned_by_the_next(empty_database: str) -> None:
    stop_demo_while_it_upgrades(empty_database, signal.SIGKILL)
    assert "broadcast_manager_demo" in objects(empty_database)
    wait_for_the_others_to_leave(empty_database)

    done = run_demo(empty_database)

    assert done.returncode == 0
    assert "An earlier demo had ended before its time" in done.stdout
    assert objects(empty_database) == []


def test_foreign_table_beside_what_a_crashed_demo_left_is_refused(empty_database: str) -> None:
    stop_demo_while_it_upgrades(empty_database, signal.SIGKILL)
    wait_for_the_others_to_leave(empty_database)
    with connect(empty_database) as conn:
        conn.execute("CREATE TABLE mine (id int)")
    before = objects(empty_database)

    done = run_demo(empty_database)

    assert done.returncode == 1
    assert "it holds mine, which" in done.stdout
    assert objects(empty_database) == before


def test_second_demo_in_one_database_is_refused(empty_database: str) -> None:
    with connect(empty_database) as conn:
        conn.execute("SELECT pg_advisory_lock(hashtext('broadcast_manager demo'))")
        done = run_demo(empty_database)
    assert done.returncode == 1
    assert "Another demo is running" in done.stdout


def test_unreachable_database_is_told_in_a_sentence(empty_database: str) -> None:
    url = psycopg.conninfo.conninfo_to_dict(empty_database)
    done = run_demo(f"postgresql://{url['user']}@/nowhere?host=/nonexistent")
    assert done.returncode == 1
    assert "PostgreSQL says: " in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
