"""How the tests' server is picked, and what the fixtures promise about it."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tools import servers
from tools.databases import (
    OWNER,
    ROOT,
    add_channel,
    add_user,
    at,
    broadcast_id,
    connect,
    create_database,
    drop_database,
    name_of,
)


def found(kind: str) -> Callable[[], servers.Server]:
    return lambda: servers.Server(kind, kind, lambda: pytest.fail("nobody runs it"))


def missing(kind: str) -> Callable[[], servers.Server]:
    def find() -> servers.Server:
        raise servers.ServerMissing(f"no {kind}")

    return find


def run_pytest(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name != "TEST_DATABASE_URL"}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--collect-only",
            "-p",
            "no:cacheprovider",
            *arguments,
            "tests/test_servers.py",
        ],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def no_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)


@pytest.mark.usefixtures("no_url")
def test_docker_comes_before_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_find_testcontainers", found("testcontainers"))
    monkeypatch.setattr(servers, "_find_embedded", found("embedded"))
    assert servers.pick().kind == "testcontainers"


@pytest.mark.usefixtures("no_url")
def test_embedded_comes_where_no_docker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_find_testcontainers", missing("testcontainers"))
    monkeypatch.setattr(servers, "_find_embedded", found("embedded"))
    assert servers.pick().kind == "embedded"


@pytest.mark.usefixtures("no_url")
def test_without_any_server_all_reasons_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "_find_testcontainers", missing("testcontainers"))
    monkeypatch.setattr(servers, "_find_embedded", missing("embedded"))
    with pytest.raises(servers.ServerMissing, match=r"TEST_DATABASE_URL.*no testcont.*no embedded"):
        servers.pick()


def test_url_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(servers, "_find_testcontainers", found("testcontainers"))
    with pytest.raises(servers.ServerMissing, match="TEST_DATABASE_URL does not answer"):
        servers.pick()


def test_forced_url_without_url_fails() -> None:
    run = run_pytest("--pg=url")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert run.stderr.strip() == "ERROR: TEST_DATABASE_URL is not set, and --pg=url needs it"


def test_forced_testcontainers_without_docker_fails() -> None:
    run = run_pytest("--pg=testcontainers", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert run.stderr.startswith("ERROR: no Docker daemon answers")


def test_forced_system_without_postgresql_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "system_binaries", lambda: None)
    with pytest.raises(servers.ServerMissing, match="no PostgreSQL is installed here"):
        servers.pick("system")


def test_header_names_the_server(server: servers.Server, server_url: str) -> None:
    run = run_pytest("--pg=url", TEST_DATABASE_URL=server_url)
    assert run.returncode == pytest.ExitCode.OK
    assert "PostgreSQL server: TEST_DATABASE_URL at " in run.stdout
    assert server.kind in servers.KINDS


def test_url_must_name_a_superuser(empty_database: str) -> None:
    run = run_pytest("--pg=url", TEST_DATABASE_URL=empty_database)
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert "must name a superuser" in run.stderr


def test_owner_is_no_superuser_but_owns_its_database(empty_database: str) -> None:
    with connect(empty_database) as conn:
        row = conn.execute(
            "SELECT rolname, rolsuper, rolcreaterole, rolname = pg_get_userbyid(datdba)"
            " FROM pg_roles, pg_database"
            " WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
    assert row == (OWNER, False, True, True)


def test_superuser_sees_the_same_database(empty_database: str, superuser: Callable[[str], str]) -> None:
    with connect(superuser(empty_database)) as conn:
        row = conn.execute("SELECT current_database(), rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    assert row == (name_of(empty_database), True)


def test_old_database_has_no_rule(old_database: str) -> None:
    with connect(old_database) as conn:
        pair = add_channel(conn, add_user(conn))
        assert broadcast_id(conn, pair) is None


def test_database_has_the_rule(database: str) -> None:
    with connect(database) as conn:
        pair = add_channel(conn, add_user(conn))
        assert broadcast_id(conn, pair) is not None


def test_database_is_dropped_under_living_connections(server_url: str, owner: str) -> None:
    url = create_database(server_url)
    with connect(url):
        drop_database(server_url, url)
    with connect(server_url) as conn:
        names = {row[0] for row in conn.execute("SELECT datname FROM pg_database")}
    assert owner == OWNER
    assert name_of(url) not in names


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://postgres@/postgres?host=/s", "postgresql://o:p@/db?host=/s"),
        ("postgresql://u:x@h:1/postgres", "postgresql://o:p@h:1/db"),
        ("postgresql:///postgres?host=/s", "postgresql://o:p@/db?host=/s"),
    ],
)
def test_url_takes_another_user_and_database(url: str, expected: str) -> None:
    assert at(url, "db", "o", "p") == expected
