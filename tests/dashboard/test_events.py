"""The event stream: whom it tells, when it ends, and that it comes back after the connection was cut."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import psycopg
import pytest

from pyapi.channels.accounts import User
from pyapi.settings import Settings
from pyapi.web.dashboard.sessions import SESSION_COOKIE
from pyapi.web.tokens import issue_token
from tests.api.calls import SECRET, Person, claims, served
from tests.dashboard.visitor import Visitor
from tools.databases import add_channel, add_user

_TIMEOUT = httpx.Timeout(20)


@contextmanager
def listening(http: httpx.Client) -> Iterator[Iterator[str]]:
    """The events of a session's stream by name, from the moment on in which it is heard."""
    with http.stream("GET", "/events", timeout=_TIMEOUT) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(line for line in lines if line) == "event: changed"
        yield (line.removeprefix("event: ") for line in lines if line.startswith("event: "))


def signed_in(url: str, user_id: UUID) -> httpx.Client:
    """A connection that has a session of the user."""
    user = User(user_id, "", "", True, True, None, None, False)
    return httpx.Client(base_url=url, cookies={SESSION_COOKIE: issue_token(user, "session", SECRET)})


def test_stream_needs_a_session(base_url: str) -> None:
    assert httpx.get(f"{base_url}/events").status_code == 401


def test_own_changes_are_told_and_others_are_not(settings: Settings, owner_conn: psycopg.Connection[Any]) -> None:
    users = [add_user(owner_conn) for _ in range(2)]
    with ExitStack() as stack:
        with served(settings) as (url, _):
            own, other = (stack.enter_context(listening(stack.enter_context(signed_in(url, user)))) for user in users)
            add_channel(owner_conn, users[0])
            assert next(own) == "changed"
            add_channel(owner_conn, users[1])
            assert next(other) == "changed"
        # The server has stopped, so the streams are at their end.
        assert (list(own), list(other)) == ([], [])


def test_everyone_looks_again_after_the_connection_was_cut(
    visitor: Visitor, database: str, superuser: Callable[[str], str], owner_conn: psycopg.Connection[Any]
) -> None:
    with listening(visitor.http) as events, psycopg.connect(superuser(database), autocommit=True) as conn:
        cut = conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'broadcast-manager changes'"
        ).fetchall()
        assert cut == [(True,)]
        assert next(events) == "changed"
        add_channel(owner_conn, visitor.person.user_id)
        assert next(events) == "changed"


def test_stream_ends_with_the_session(base_url: str, person: Person) -> None:
    token = jwt.encode(
        claims(person, type="session", exp=datetime.now(UTC) + timedelta(seconds=2)), SECRET, algorithm="HS256"
    )
    with httpx.Client(base_url=base_url, cookies={SESSION_COOKIE: token}) as http:
        with listening(http) as events:
            # Not list(): a stream that goes on has an event each minute.
            assert next(events, None) is None
        assert http.get("/events").status_code == 401


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE public.registered_users SET is_active = FALSE WHERE user_id = %s",
        "UPDATE public.registered_users SET is_active = NULL WHERE user_id = %s",
        "DELETE FROM public.registered_users WHERE user_id = %s",
    ],
)
@pytest.mark.parametrize("told", [True, False])
def test_stream_ends_with_its_user(
    settings: Settings, owner_conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch, end: str, *, told: bool
) -> None:
    """With the next event, and without one at the next look."""
    monkeypatch.setattr("pyapi.web.dashboard.events._WATCH_SECONDS", 3600 if told else 0.2)
    owner_conn.execute("ALTER TABLE public.registered_users ALTER is_active DROP NOT NULL")
    user = add_user(owner_conn)
    touch = "DELETE FROM public.main_clients_database WHERE client_id = %s"
    if not end.startswith("DELETE"):
        touch = "UPDATE public.broadcast_manager SET updated_at = now() WHERE client_id = %s"
    if told:
        add_channel(owner_conn, user)
    with served(settings) as (url, _), signed_in(url, user) as http, listening(http) as events:
        with owner_conn.transaction():
            owner_conn.execute(touch, [user])
            owner_conn.execute(end, [user])
        # A look may have been under way; then it ends at the one after.
        assert len(list(events)) < (2 if told else 20)


def test_server_stops_with_open_streams(settings: Settings, owner_conn: psycopg.Connection[Any]) -> None:
    with ExitStack() as stack:
        with served(settings) as (url, _):
            events = stack.enter_context(listening(stack.enter_context(signed_in(url, add_user(owner_conn)))))
        # served() has waited for the server. The stream has an end; a cut one would raise here.
        assert list(events) == []


@pytest.mark.parametrize("clients", [3, 120])
def test_bulk_of_many_clients_reaches_each(visitor: Visitor, owner_conn: psycopg.Connection[Any], clients: int) -> None:
    users = [add_user(owner_conn) for _ in range(clients)]
    for user in users:
        add_channel(owner_conn, user)
    add_channel(owner_conn, visitor.person.user_id)
    with listening(visitor.http) as events:
        owner_conn.execute("UPDATE public.broadcast_manager SET updated_at = now()")
        assert next(events) == "changed"


def test_stream_names_the_channel_that_changed(settings: Settings, owner_conn: psycopg.Connection[Any]) -> None:
    user = add_user(owner_conn)
    pairs = [add_channel(owner_conn, user) for _ in range(12)]
    with served(settings) as (url, _), signed_in(url, user) as http, http.stream("GET", "/events") as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data:"))
        told = (line.removeprefix("data:").strip() for line in lines)
        assert next(told) == ""
        owner_conn.execute(
            "UPDATE public.broadcast_manager SET updated_at = now() WHERE open_channel_id = %s", [pairs[3][0]]
        )
        assert next(told) == " ".join(pairs[3])
        # Of many at once it is not told which.
        owner_conn.execute("UPDATE public.broadcast_manager SET updated_at = now()")
        assert next(told) == ""
