"""The requests of a client with ten channels, while PostgreSQL notes which of its statements take over 50 ms."""

import asyncio
import json
import secrets
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlencode
from uuid import UUID

import psycopg
from psycopg import AsyncConnection, sql
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr
from structlog.testing import capture_logs

from pyapi.channels.accounts import User
from pyapi.queries import QUERIES
from pyapi.settings import Settings
from pyapi.web.app import create_app
from pyapi.web.dashboard.sessions import SESSION_COOKIE
from pyapi.web.listener import Changes
from pyapi.web.tokens import issue_token
from tests.api.calls import registration
from tests.fuzz.requests import Request, answer_status
from tools import databases

MOST_MS = 50
CLIENTS, CHANNELS = 2000, 10
# Others work on this machine, too: what is slow each time is slow.
_REPETITIONS = 5
_ROLE, _SECRET = "fuzz_queries", secrets.token_hex()


class Queries:
    """Sends the requests, and finds those of which a statement takes too long.

    Args:
        server_url: a superuser's, who may say what is logged for a role.
    """

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._slow: list[str] = []
        self.count = 0

    def run(self) -> Iterator[str]:
        """What takes too long, as a sentence each."""
        url = databases.create_database(self._server_url)
        try:
            databases.upgrade(url)
            with databases.connect(url) as conn, databases.connect(self._server_url) as boss:
                databases.add_clients(conn, CLIENTS, CHANNELS)
                password = secrets.token_hex()
                boss.execute(
                    sql.SQL(
                        "CREATE ROLE {0} LOGIN PASSWORD {1} IN ROLE broadcast_api;"
                        "ALTER ROLE {0} SET log_min_duration_statement = {2};"
                    ).format(sql.Identifier(_ROLE), password, f"{MOST_MS}ms")
                )
                try:
                    role_url = databases.at(url, databases.name_of(url), _ROLE, password)
                    with capture_logs():
                        yield from asyncio.run(self._send_all(conn, role_url))
                finally:
                    boss.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(_ROLE)))
        finally:
            databases.drop_database(self._server_url, url)

    async def _send_all(self, conn: psycopg.Connection[Any], role_url: str) -> list[str]:
        app = create_app(Settings(database_url=role_url, jwt_secret_key=SecretStr(_SECRET)))
        app.state.changes = Changes(role_url)

        async def configure(one: AsyncConnection[Any]) -> None:
            one.add_notice_handler(lambda said: self._slow.append(said.message_primary or ""))
            await one.execute(QUERIES["session_settings"])
            await one.execute("SET client_min_messages = log")

        pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
            role_url, kwargs={"autocommit": True}, min_size=1, max_size=1, configure=configure, open=False
        )
        found = []
        async with pool:
            app.state.pool = pool
            for name, request in _requests(conn):
                slow: list[str] = []
                for _ in range(_REPETITIONS):
                    self._slow.clear()
                    status = await answer_status(app, request)
                    self.count += 1
                    if status >= 500:
                        found.append(f"{name}: {status}")
                    slow += self._slow[:1]
                    if not self._slow:
                        break
                if len(slow) == _REPETITIONS:
                    found.append(f"{name}, five times: {slow[-1][:500]}")
        return found


def _requests(conn: psycopg.Connection[Any]) -> Iterator[tuple[str, Request]]:
    """All that the API and the dashboard offer to a client."""
    found = conn.execute(
        "SELECT u.user_id, u.username, b.open_channel_id, b.closed_channel_id, b.id FROM public.registered_users AS u"
        " INNER JOIN public.broadcast_manager AS b ON u.user_id = b.client_id LIMIT 1"
    ).fetchone()
    assert found is not None
    user_id, username, open_id, closed_id, broadcast_id = found
    token, cookie = (_token(user_id, username, kind) for kind in ("access", "session"))
    api = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    refresh = {"authorization": f"Bearer {_token(user_id, username, 'refresh')}"}
    page = {
        "cookie": f"{SESSION_COOKIE}={cookie}",
        "content-type": "application/x-www-form-urlencoded",
        "sec-fetch-site": "same-origin",
    }
    asked = json.dumps({"broadcast_id": str(broadcast_id)})
    channel = {name: value for name, value in registration().items() if value is not None}
    pair = f"/channels/{open_id}/{closed_id}"
    calls: list[tuple[str, str, dict[str, str], str]] = [
        ("GET", "/api/health", {}, ""),
        ("GET", "/api/mappings/currency-network", {}, ""),
        ("POST", "/api/auth/login", api, json.dumps({"username": username, "password": "x"})),
        ("POST", "/api/auth/refresh", refresh, ""),
        ("GET", "/api/auth/me", api, ""),
        ("GET", "/api/channels", api, ""),
        ("GET", f"/api/channels/{open_id}", api, ""),
        ("PUT", f"/api/channels/{open_id}", api, json.dumps({"open_channel_title": "New"})),
        ("PUT", f"/api/channels/{open_id}", api, json.dumps({"payout_strategy": "x"})),
        ("POST", "/api/channels/register", api, json.dumps(channel)),
        ("GET", f"/api/broadcast/status/{broadcast_id}", api, ""),
        ("POST", "/api/broadcast/trigger", api, asked),
        ("POST", "/api/broadcast/reactivate", api, asked),
        *(("GET", path, page, "") for path in ("/", "/channels/list", "/channels/new", "/operator", "/docs")),
        *(("GET", f"{pair}/{what}", page, "") for what in ("edit", "delete", "resend")),
        ("POST", f"{pair}/edit", page, urlencode(channel | {"open_channel_title": "Newer"})),
        ("POST", f"{pair}/resend", page, urlencode({"broadcast_id": broadcast_id})),
        ("POST", f"{pair}/reactivate", page, urlencode({"broadcast_id": broadcast_id})),
        ("POST", "/channels/new", page, urlencode(channel)),
        ("POST", "/login", page, urlencode({"username": username, "password": "x"})),
        ("POST", f"{pair}/delete", page, urlencode({"confirm": "yes", "open_channel_id": open_id})),
        ("DELETE", f"/api/channels/{open_id}", api, ""),
        ("POST", "/logout", page, ""),
    ]
    for method, path, headers, body in calls:
        yield f"{method} {path}", Request(method, path, headers=headers, body=body.encode())


def _token(user_id: UUID, username: str, kind: Literal["access", "refresh", "session"]) -> str:
    return issue_token(User(user_id, username, None, True, True, None, None, False), kind, _SECRET)
