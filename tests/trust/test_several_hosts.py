"""A DATABASE_URL with several hosts, of which one takes writes, and connections that all break at once."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from urllib.parse import quote, urlencode

import pytest
from psycopg.conninfo import conninfo_to_dict
from typer.testing import CliRunner

from pyapi.cli import app
from pyapi.pool import connection, make_pool
from tools import databases

CONNECTIONS = 5


def with_a_host_that_is_gone(url: str) -> str:
    """The URL with another host before its own, where nobody listens."""
    place = conninfo_to_dict(url)
    hosts = {
        "host": f"{place['host']},{place['host']}",
        "port": f"1,{place['port']}",
        "target_session_attrs": "read-write",
    }
    return f"postgresql:///?{urlencode(place | hosts, quote_via=quote)}"


def test_upgrade_and_commands_find_the_host_that_is_there(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = with_a_host_that_is_gone(empty_database)
    databases.upgrade(url)
    monkeypatch.setenv("DATABASE_URL", url)
    for command in ("verify", "doctor"):
        done = CliRunner().invoke(app, [command])
        assert done.exit_code == 0, done.output


def test_connections_that_all_broke_are_replaced_at_once(database: str, superuser: Callable[[str], str]) -> None:
    async def use() -> None:
        url = with_a_host_that_is_gone(database)
        async with make_pool(url, "many", max_size=CONNECTIONS, timeout=4) as pool:
            async with AsyncExitStack() as stack:
                for _ in range(CONNECTIONS):
                    await stack.enter_async_context(connection(pool))
            with databases.connect(superuser(database)) as conn:
                ended = conn.execute(
                    "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND application_name = 'broadcast-manager many'"
                ).fetchone()
            assert ended == (CONNECTIONS,)
            # Tried one after the other, with growing pauses, they would outlast the pool's timeout.
            async with connection(pool) as conn_again:
                await conn_again.execute("SELECT")

    asyncio.run(use())


def test_what_the_url_says_itself_goes_before_our_own_settings() -> None:
    url = "postgresql://one,two/telepaypsql?target_session_attrs=read-write&connect_timeout=2"
    own = make_pool("postgresql://one/telepaypsql", "own", max_size=1, timeout=1).kwargs
    said = make_pool(url, "said", max_size=1, timeout=1).kwargs
    assert isinstance(own, dict)
    assert isinstance(said, dict)
    assert own.keys() - said.keys() == {"connect_timeout"}
