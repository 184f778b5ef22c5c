"""The listener by itself: whom it tells, and what happens while its connection is away."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from tenacity import RetryCallState

from pyapi.settings import Settings
from pyapi.web.listener import Changes
from tools.databases import connect

# Only so that a test that fails comes to an end.
_END_SECONDS = 30


def test_everyone_is_told_when_the_connection_is_back(
    settings: Settings, database: str, superuser: Callable[[str], str]
) -> None:
    async def watch() -> None:
        changes = Changes(settings.database_url)
        with changes.watching(uuid4()) as watcher:
            async with asyncio.timeout(_END_SECONDS), changes.listening():
                assert await watcher.changed() == [""]
                with connect(superuser(database)) as conn:
                    cut = conn.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE datname = current_database() AND application_name = 'broadcast-manager changes'"
                    ).fetchall()
                assert cut == [(True,)]
                assert await watcher.changed()
            assert not await watcher.changed()

    asyncio.run(watch())


def test_watcher_of_a_listener_that_was_closed_is_closed_too(settings: Settings) -> None:
    async def watch() -> None:
        changes = Changes(settings.database_url)
        changes.close()
        with changes.watching(uuid4()) as watcher:
            assert not await watcher.changed()

    asyncio.run(watch())


def test_database_that_comes_late_is_tried_again(
    settings: Settings, owner_conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    database = owner_conn.info.dbname
    refused: list[RetryCallState] = []

    def allow(state: RetryCallState) -> None:
        refused.append(state)
        owner_conn.execute(f"GRANT CONNECT ON DATABASE {database} TO PUBLIC")

    async def watch() -> None:
        changes = Changes(settings.database_url)
        with changes.watching(uuid4()) as watcher:
            async with asyncio.timeout(_END_SECONDS), changes.listening():
                assert await watcher.changed()

    monkeypatch.setattr("pyapi.listen.retry_logged", lambda *_, **__: allow)
    owner_conn.execute(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
    asyncio.run(watch())
    assert len(refused) == 1
