"""What an operator sees of alembic: it ends well, or with a sentence and an exit code, never with a traceback."""

import subprocess

import pytest

from pyapi.checks.drift import find_drift
from tests.migrations import builds
from tools import databases


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode != 0
    told = done.stdout + done.stderr
    assert "Traceback" not in told
    for word in words:
        assert word in told


@pytest.mark.parametrize("state", ["empty", "existing"])
def test_two_upgrades_at_once_both_end_well(state: str, empty_database: str, old_database: str) -> None:
    url = empty_database if state == "empty" else old_database
    if state == "existing":
        builds.fill_old_database(url)
    running = [builds.start_alembic("upgrade", "head", url=url) for _ in range(2)]
    told = [process.communicate(timeout=120)[1] for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    assert find_drift(builds.fingerprint(url)) == []


@pytest.mark.parametrize("command", ["upgrade", "downgrade"])
def test_database_newer_than_the_code_is_refused(command: str, database: str) -> None:
    with databases.connect(database) as conn:
        conn.execute("UPDATE broadcast.alembic_version SET version_num = '9999'")
    before = builds.fingerprint(database)
    done = builds.alembic(command, "head" if command == "upgrade" else "base", url=database)
    assert_refused(done, "9999", "newer")
    assert builds.fingerprint(database) == before


def test_unreachable_database_is_told(server_url: str) -> None:
    absent = databases.at(server_url, "no_such_database")
    assert_refused(builds.alembic("upgrade", "head", url=absent), "cannot be reached", "no_such_database")


def test_wrong_password_is_told_and_not_repeated() -> None:
    done = builds.alembic("upgrade", "head", url="postgresql://someone:top-secret@127.0.0.1:1/nowhere")
    assert_refused(done, "cannot be reached")
    assert "top-secret" not in done.stdout + done.stderr


def test_missing_database_url_is_told() -> None:
    assert_refused(builds.alembic("upgrade", "head", url=None), "DATABASE_URL")


def test_database_url_of_another_kind_is_told() -> None:
    assert_refused(builds.alembic("upgrade", "head", url="mysql://somewhere/nowhere"), "postgresql://")


def test_version_table_of_another_tool_is_not_touched(old_database: str) -> None:
    with databases.connect(old_database) as conn:
        conn.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        conn.execute("INSERT INTO alembic_version VALUES ('theirs')")
    for step in (databases.upgrade, databases.downgrade):
        step(old_database)
        with databases.connect(old_database) as conn:
            assert conn.execute("SELECT version_num FROM alembic_version").fetchall() == [("theirs",)]
