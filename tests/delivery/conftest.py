"""A database, a role that is only a member of broadcast_worker, a fake Telegram, and workers."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from pyapi.worker.settings import WorkerSettings
from tools import databases
from tools.bot_api.server import TOKEN, running
from tools.databases import add_user, connect
from tools.telegram import Telegram

WORKER_ROLE = "test_worker"
WORKER_PASSWORD = "test-only"  # noqa: S105
# A test that waits for a poll that must not come fails by its own deadline instead.
NEVER = 3600

Conn = psycopg.Connection[Any]
Process = subprocess.Popen[bytes]


def create_worker_login(server_url: str) -> str:
    """Make a login role that is only a member of broadcast_worker, and give its name."""
    with connect(server_url, autocommit=False) as conn:
        # Runs that share a server would meet in pg_authid.
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('test_worker'))")
        if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [WORKER_ROLE]).fetchone() is None:
            conn.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(WORKER_ROLE), sql.Literal(WORKER_PASSWORD)
                )
            )
        conn.execute(sql.SQL("GRANT broadcast_worker TO {}").format(sql.Identifier(WORKER_ROLE)))
    return WORKER_ROLE


def start_process(
    command: str,
    url: str,
    telegram: Telegram,
    *,
    poll_seconds: float = NEVER,
    concurrency: int = 10,
    stderr: int = subprocess.PIPE,
) -> Process:
    """Start `broadcast-manager worker`, or send-due, in a process of its own."""
    environment = os.environ | {
        "DATABASE_URL": url,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_BASE_URL": telegram.url,
        "WORKER_POLL_SECONDS": str(poll_seconds),
        "WORKER_CONCURRENCY": str(concurrency),
        "WORKER_SEND_TIMEOUT": "10",
    }
    return subprocess.Popen(
        [sys.executable, "-c", "from pyapi.cli import app; app()", command],
        env=environment,
        cwd=databases.ROOT,
        stderr=stderr,
    )


@pytest.fixture(scope="session")
def worker_role(server_url: str, template: str) -> str:
    """Name of a login role with a worker's privileges and no others."""
    del template
    return create_worker_login(server_url)


@pytest.fixture
def worker_url(database: str, worker_role: str) -> str:
    """URL of the fresh database, as the worker's role."""
    return databases.at(database, databases.name_of(database), worker_role, WORKER_PASSWORD)


@pytest.fixture
def conn(conn: Conn) -> Conn:
    """A connection as the tables' owner; Telegram's limits are off."""
    conn.execute("UPDATE broadcast.settings SET messages_per_second = NULL, chat_interval = NULL")
    return conn


@pytest.fixture
def client(conn: Conn) -> UUID:
    """A registered user."""
    return add_user(conn)


@pytest.fixture
def telegram() -> Iterator[Telegram]:
    """A fake Telegram of the test's own."""
    with running() as url:
        fake = Telegram(url)
        yield fake
        fake.release()
        fake.http.close()


@pytest.fixture
def settings(worker_url: str, telegram: Telegram) -> WorkerSettings:
    """What a worker of this process is told."""
    return WorkerSettings(
        database_url=worker_url,
        telegram_bot_token=SecretStr(TOKEN),
        telegram_api_base_url=telegram.url,
        worker_send_timeout=10,
    )


@pytest.fixture
def start_worker(worker_url: str, telegram: Telegram) -> Iterator[Callable[..., Process]]:
    """Starts `broadcast-manager worker`, or send-due, in a process of its own; it never polls unless told how often."""
    started: list[Process] = []

    def start(
        command: str = "worker", *, url: str = worker_url, poll_seconds: float = NEVER, concurrency: int = 10
    ) -> Process:
        process = start_process(command, url, telegram, poll_seconds=poll_seconds, concurrency=concurrency)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()
