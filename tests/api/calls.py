"""Serves the application and calls it as its clients do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI
from pydantic import SecretStr

from pyapi.settings import Settings
from pyapi.web.app import create_app
from pyapi.web.server import listen, web_server
from pyapi.worker.settings import WorkerSettings
from tools import databases
from tools.databases import new_channel_id

API_ROLE = "test_api"
API_PASSWORD = "test-only"  # noqa: S105
SECRET = "a secret of the tests, of 64 bytes or more, as HS512 wants its key"  # noqa: S105
PASSWORD = "correct horse battery staple"  # noqa: S105


# What every answer says of a broadcast that has not been sent yet.
NEVER_SENT = {
    "state": "queued",
    "off_reason": None,
    "retry_after_seconds": 0,
    "is_active": True,
    "last_sent_time": None,
    "last_manual_trigger_time": None,
    "total_broadcasts": 0,
    "successful_broadcasts": 0,
    "failed_broadcasts": 0,
    "consecutive_failures": 0,
    "last_error_message": None,
    "last_error_time": None,
}


@contextmanager
def served(settings: Settings, delivery: WorkerSettings | None = None) -> Iterator[tuple[str, FastAPI]]:
    """Run the application on a free port, in a thread; gives its address and itself."""
    app = create_app(settings, delivery)
    server = web_server(app)
    with listen("127.0.0.1", 0) as listener:
        # It listens already: a call that comes before the server is up waits.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", app
        finally:
            server.should_exit = True
            thread.join()


@dataclass(frozen=True)
class World:
    """A database with the rule, and the application that runs on it as the API's role."""

    database: str
    """URL of the database, as its owner."""
    settings: Settings
    base_url: str


@contextmanager
def new_world(server_url: str, template: str, api_role: str, **settings: Any) -> Iterator[World]:
    """Clone the template and serve the application on the clone; settings are Settings' own."""
    database = databases.create_database(server_url, template)
    as_role = databases.at(database, databases.name_of(database), api_role, API_PASSWORD)
    kept = {"login_limit_per_address": "100000 per minute", **settings}
    told = Settings(database_url=as_role, jwt_secret_key=SecretStr(SECRET), **kept)
    try:
        with served(told) as (base_url, _):
            yield World(database, told, base_url)
    finally:
        databases.drop_database(server_url, database)


@dataclass(frozen=True)
class Person:
    """A user with a connection to the API that sends the access token along."""

    user_id: UUID
    username: str
    access_token: str
    refresh_token: str
    http: httpx.Client

    @classmethod
    def signed_in(cls, base_url: str, user_id: UUID, username: str) -> "Person":
        """Sign in with PASSWORD."""
        http = httpx.Client(base_url=base_url, timeout=30)
        answer = log_in(http, username)
        assert answer.status_code == 200, answer.text
        tokens = answer.json()
        http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return cls(user_id, username, tokens["access_token"], tokens["refresh_token"], http)

    def register(self, **changes: Any) -> httpx.Response:
        """Register a channel; its fields are those of registration()."""
        return self.http.post("/api/channels/register", json=registration(**changes))


def log_in(http: httpx.Client, username: str, password: str = PASSWORD) -> httpx.Response:
    """Ask for tokens."""
    return http.post("/api/auth/login", json={"username": username, "password": password})


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}


def claims(person: Person, **changes: Any) -> dict[str, Any]:
    """What an access token says, with changes; None leaves a claim out."""
    now = datetime.now(UTC)
    said = {
        "sub": str(person.user_id),
        "username": person.username,
        "type": "access",
        "iat": now,
        "exp": now + timedelta(minutes=5),
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def registration(**changes: Any) -> dict[str, Any]:
    """A channel as a front end sends it, with fresh ids; a change of ... leaves a field out."""
    channel = {
        "open_channel_id": new_channel_id(),
        "open_channel_title": "Früh & gut <b>",
        "open_channel_description": "What moved over night, free for everyone",
        "closed_channel_id": new_channel_id(),
        "closed_channel_title": "Inside 📈",
        "closed_channel_description": "Entries, exits and the reasons for them",
        "closed_channel_donation_message": "If it paid for your breakfast, buy us one.",
        "tier_count": 2,
        "sub_1_price": 5.1,
        "sub_1_time": 30,
        "sub_2_price": 12.5,
        "sub_2_time": 90,
        "client_wallet_address": "0x71C7656EC7ab88b098defB751B7401B5f6d8976F",
        "client_payout_currency": "USDT",
        "client_payout_network": "ETH",
        "payout_strategy": "threshold",
        "payout_threshold_usd": 100,
        "notification_status": True,
        "notification_id": 6271402111,
        **changes,
    }
    return {field: value for field, value in channel.items() if value is not ...}


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is this failure in the API's shape, and give its body."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json"), answer.text
    body: dict[str, Any] = answer.json()
    assert body["success"] is False
    assert body["code"] == code, body
    assert isinstance(body["error"], str)
    assert body["error"]
    return body
