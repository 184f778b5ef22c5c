"""Fixtures of all tests: one server and one template database per run, a clone per test."""

import logging
import os
import random
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import psycopg
import pytest

from pyapi import logs
from tests.mutants import MUTANTS
from tools import databases, pgbouncer, servers
from tools.chromium import HOW_TO_GET_ONE, find_chromium, must_be_there

_SERVER = pytest.StashKey[servers.Server]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer --pg."""
    parser.addoption(
        "--pg",
        choices=servers.KINDS,
        help="run on this kind of PostgreSQL and fail where it is missing"
        " (without it: TEST_DATABASE_URL, else testcontainers, else embedded)",
    )
    parser.addoption(
        "--without", choices=MUTANTS, help="take this mechanism away first: the tests must fail (make mutants)"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Pick the server before anything runs, so that its absence is told at once."""
    try:
        config.stash[_SERVER] = servers.pick(config.getoption("--pg"))
    except servers.ServerMissing as missing:
        raise pytest.UsageError(str(missing)) from missing
    if must_be_there() and not find_chromium():
        raise pytest.UsageError(f"CI is set, and there is no Chromium. {HOW_TO_GET_ONE}")
    if must_be_there() and not pgbouncer.find_pgbouncer():
        raise pytest.UsageError(f"CI is set, and there is no PgBouncer. {pgbouncer.HOW_TO_GET_ONE}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out."""
    if not find_chromium():
        terminalreporter.write_sep("=", "the tests in a browser were left out", yellow=True)
        terminalreporter.write_line(f"No Chromium was found. {HOW_TO_GET_ONE}")
    if not pgbouncer.find_pgbouncer():
        terminalreporter.write_sep("=", "the tests of PgBouncer were left out", yellow=True)
        terminalreporter.write_line(f"No PgBouncer was found. {pgbouncer.HOW_TO_GET_ONE}")


def pytest_report_header(config: pytest.Config) -> str:
    """Name the server."""
    return f"PostgreSQL server: {config.stash[_SERVER].name}"


@pytest.fixture(autouse=True)
def _log_ends_with_the_test() -> Iterator[None]:
    """What a server of several tests logs between two of them is nobody's output."""
    yield
    logging.getLogger().removeHandler(logs._stderr)


@pytest.fixture(autouse=True)
def _environment_ends_with_the_test() -> Iterator[None]:
    """What a command sets, as --database-url does, no later test sees."""
    with patch.dict(os.environ):
        yield


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> servers.Server:
    """The server that was picked."""
    return pytestconfig.stash[_SERVER]


@pytest.fixture(scope="session")
def server_url(server: servers.Server) -> Iterator[str]:
    """URL of the server's maintenance database, as superuser."""
    try:
        running = server.run()
        url = running.__enter__()
    except servers.ServerMissing as missing:
        pytest.exit(str(missing), returncode=pytest.ExitCode.USAGE_ERROR)
    yield url
    running.__exit__(None, None, None)


@pytest.fixture(scope="session")
def owner(server_url: str) -> str:
    """Name of the role that owns the test databases; like the live one it is no superuser."""
    databases.create_owner(server_url)
    return databases.OWNER


@pytest.fixture(scope="session")
def template(server_url: str, owner: str, pytestconfig: pytest.Config) -> Iterator[str]:
    """Name of the database that `alembic upgrade head` made out of an empty one."""
    del owner
    url = databases.create_database(server_url)
    try:
        databases.upgrade(url)
        if mutant := pytestconfig.getoption("--without"):
            with databases.connect(url) as conn:
                conn.execute(MUTANTS[mutant])
        yield databases.name_of(url)
    finally:
        databases.drop_database(server_url, url)


@pytest.fixture(scope="session")
def old_template(server_url: str, owner: str) -> Iterator[str]:
    """Name of the database with the schema of the live system, before any upgrade."""
    del owner
    url = databases.create_database(server_url)
    try:
        databases.load(url, databases.EXISTING_SCHEMA)
        yield databases.name_of(url)
    finally:
        databases.drop_database(server_url, url)


@pytest.fixture(scope="session")
def adopted_template(server_url: str, old_template: str) -> Iterator[str]:
    """Name of the database that `alembic upgrade head` made out of the live system's schema."""
    url = databases.create_database(server_url, old_template)
    try:
        databases.upgrade(url)
        yield databases.name_of(url)
    finally:
        databases.drop_database(server_url, url)


@pytest.fixture
def new_database(server_url: str, owner: str) -> Iterator[Callable[..., str]]:
    """Makes a database for this test, empty or as a copy of the template named; gives its URL, as its owner."""
    del owner
    made = []

    def make(template: str | None = None) -> str:
        made.append(databases.create_database(server_url, template))
        return made[-1]

    yield make
    for url in made:
        databases.drop_database(server_url, url)


@pytest.fixture
def empty_database(new_database: Callable[..., str]) -> str:
    """URL of a fresh empty database, as its owner."""
    return new_database()


@pytest.fixture
def database(new_database: Callable[..., str], template: str) -> str:
    """URL of a fresh database with the rule installed, as its owner."""
    return new_database(template)


@pytest.fixture
def old_database(new_database: Callable[..., str], old_template: str) -> str:
    """URL of a fresh database as the live system has it, without the rule, as its owner."""
    return new_database(old_template)


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection to the fresh database, as the tables' owner."""
    with databases.connect(database) as connection:
        yield connection


@pytest.fixture
def superuser(server_url: str) -> Callable[[str], str]:
    """Turn a test database's URL into the superuser's URL of the same database."""
    return lambda url: databases.at(server_url, databases.name_of(url))


@pytest.fixture
def seed() -> int:
    """Seed for a randomised test, printed so that TEST_SEED can repeat a failure."""
    chosen = int(os.environ.get("TEST_SEED") or random.SystemRandom().randrange(2**32))
    print(f"TEST_SEED={chosen}")
    return chosen
