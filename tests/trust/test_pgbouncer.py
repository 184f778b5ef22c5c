"""PgBouncer in transaction mode between the database and everybody: all works, without notifications by polling."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

import pyapi
from pyapi.cli import app
from pyapi.settings import Settings
from pyapi.web.dashboard import events
from tests.api.calls import API_PASSWORD, API_ROLE, SECRET, Person, served
from tests.api.conftest import api_role as api_role
from tests.api.conftest import new_person as new_person
from tests.dashboard.test_events import listening
from tests.dashboard.visitor import Visitor
from tests.delivery.broadcasts import Broadcast, add_broadcast, outcomes, parts
from tests.delivery.conftest import WORKER_PASSWORD, WORKER_ROLE, Process
from tests.delivery.conftest import conn as conn
from tests.delivery.conftest import start_worker as start_worker
from tests.delivery.conftest import telegram as telegram
from tests.delivery.conftest import worker_role as worker_role
from tools import databases
from tools.pgbouncer import SERVER_CONNECTIONS, running_pgbouncer
from tools.telegram import Telegram, until

CALLERS = 4 * SERVER_CONNECTIONS
# More often than psycopg needs to make a prepared statement of it.
OFTEN = 8

Connection = psycopg.Connection[Any]


@pytest.fixture
def through(database: str, api_role: str, worker_role: str) -> Iterator[Callable[[str], str]]:
    """URL of the fresh database through PgBouncer, as a role."""
    passwords = {databases.OWNER: databases.OWNER_PASSWORD, api_role: API_PASSWORD, worker_role: WORKER_PASSWORD}
    with running_pgbouncer(database, passwords) as url:
        yield url


@pytest.fixture
def worker_url(through: Callable[[str], str]) -> str:
    """What start_worker takes."""
    return through(WORKER_ROLE)


@pytest.fixture
def owner_conn(conn: Connection) -> Connection:
    """The connection that goes to the server itself, by which people are made."""
    return conn


@pytest.fixture
def base_url(through: Callable[[str], str]) -> Iterator[str]:
    """Address of the application."""
    settings = Settings(
        database_url=through(API_ROLE), jwt_secret_key=SecretStr(SECRET), login_limit_per_address="1000 per minute"
    )
    with served(settings) as (url, _):
        yield url


@pytest.fixture
def person(new_person: Callable[..., Person]) -> Person:
    """An operator who has signed in."""
    return new_person(operator=True)


def test_api_and_dashboard_work_for_more_callers_than_there_are_connections(
    person: Person, base_url: str, conn: Connection
) -> None:
    conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 1000")

    def call(number: int) -> set[int]:
        statuses = set()
        for _ in range(OFTEN):
            registered = person.register()
            statuses.add(registered.status_code)
            channel = f"/api/channels/{registered.json()['channel_id']}"
            statuses.add(person.http.put(channel, json={"open_channel_title": f"by {number}"}).status_code)
            statuses.add(person.http.get(channel).status_code)
        statuses.add(person.http.delete(channel).status_code)
        return statuses

    with ThreadPoolExecutor(CALLERS) as callers:
        assert set().union(*callers.map(call, range(CALLERS))) == {200, 201}
    listed = person.http.get("/api/channels").json()["channels"]
    assert len(listed) == CALLERS * (OFTEN - 1)
    rows = conn.execute("SELECT id FROM broadcast_manager WHERE client_id = %s", [person.user_id])
    assert {UUID(channel["broadcast_id"]) for channel in listed} == {row[0] for row in rows}
    assert httpx.get(f"{base_url}/api/health").json()["status"] == "healthy"
    visitor = Visitor.signed_in(base_url, person)
    with closing(visitor.http):
        for _ in range(OFTEN):
            assert "Nothing breaks the rule." in visitor.http.get("/operator").text
            assert visitor.http.get("/").status_code == 200


def test_dashboard_looks_by_itself_where_no_notification_comes(
    person: Person, base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_WATCH_SECONDS", 0.2)
    visitor = Visitor.signed_in(base_url, person)
    with closing(visitor.http), listening(visitor.http) as told:
        person.register(open_channel_title="Seen by looking")
        assert [next(told) for _ in range(OFTEN)] == ["changed"] * OFTEN
        assert "Seen by looking" in visitor.http.get("/").text


def test_manual_triggers_reach_a_worker_by_polling_and_nothing_is_sent_twice(
    person: Person, conn: Connection, start_worker: Callable[..., Process], telegram: Telegram
) -> None:
    waiting = [add_broadcast(conn, person.user_id, due=False) for _ in range(CALLERS)]
    start_worker(poll_seconds=0.2, concurrency=CALLERS)

    def all_sent(broadcasts: list[Broadcast]) -> bool:
        return all(outcomes(conn, broadcast) == ["sent"] for broadcast in broadcasts)

    for broadcast in waiting:
        answer = person.http.post("/api/broadcast/trigger", json={"broadcast_id": str(broadcast.id)})
        assert answer.status_code == 200
    until(lambda: all_sent(waiting), "all are sent")
    assert [parts(conn, broadcast) for broadcast in waiting] == [
        [("open", "sent", None), ("closed", "sent", None)] for _ in waiting
    ]
    assert telegram.sent() == {chat: 1 for broadcast in waiting for chat in (broadcast.open_id, broadcast.closed_id)}


def test_library_and_command_line_work_through_it(
    through: Callable[[str], str], conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = databases.add_user(conn)
    url = through(databases.OWNER)
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as pooled:
        for _ in range(OFTEN):
            channel = databases.new_channel(client)
            made = pyapi.insert_channel(pooled, channel)
            assert made == databases.broadcast_id(conn, (channel.open_channel_id, channel.closed_channel_id))
    monkeypatch.setenv("DATABASE_URL", url)
    for command in ("verify", "doctor", "backfill"):
        done = CliRunner().invoke(app, [command])
        assert done.exit_code == 0, done.output
