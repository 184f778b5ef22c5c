"""Calls of the SQL functions, as any client would write them."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any
from uuid import UUID

import psycopg
import pytest

from tools.databases import CHANNEL, connect, new_channel_id

Conn = psycopg.Connection[Any]


def fields(**changes: Any) -> dict[str, Any]:
    """A channel as a client fills it in, with a pair of its own."""
    pair = {"open_channel_id": new_channel_id(), "closed_channel_id": new_channel_id()}
    return pair | CHANNEL | {"tier_count": 2} | changes


def register(conn: Conn, client: UUID, channel: dict[str, Any]) -> UUID | None:
    """SELECT broadcast.register_channel(…)."""
    made: UUID | None = value(conn, "SELECT broadcast.register_channel(%s, 'tests', %s)", client, json.dumps(channel))
    return made


def update(conn: Conn, client: UUID, channel: dict[str, Any], changes: dict[str, Any]) -> UUID | None:
    """SELECT broadcast.update_channel(…) of the pair in channel."""
    pair = channel["open_channel_id"], channel["closed_channel_id"]
    kept: UUID | None = value(
        conn, "SELECT broadcast.update_channel(%s, %s, %s, %s)", client, *pair, json.dumps(changes)
    )
    return kept


def value(conn: Conn, query: str, *parameters: Any) -> Any:
    """The one value that a query gives."""
    row = conn.execute(query, parameters).fetchone()
    return row[0] if row else None


def columns(conn: Conn, channel: dict[str, Any], names: str) -> tuple[Any, ...]:
    """These columns of the channel's row."""
    row: tuple[Any, ...] | None = conn.execute(
        f"SELECT {names} FROM main_clients_database WHERE open_channel_id = %s AND closed_channel_id = %s",
        [channel["open_channel_id"], channel["closed_channel_id"]],
    ).fetchone()
    assert row is not None
    return row


@contextmanager
def refused(sqlstate: str) -> Iterator[dict[str, Any]]:
    """Expect this SQLSTATE; gives a dictionary that afterwards holds what the DETAIL's JSON says."""
    detail: dict[str, Any] = {}
    with pytest.raises(psycopg.Error) as refusal:
        yield detail
    assert refusal.value.sqlstate == sqlstate, refusal.value
    said = refusal.value.diag.message_detail
    if said and said.startswith("{"):
        detail.update(json.loads(said))


def at_once(url: str, count: int, call: Callable[[Conn], object]) -> list[str]:
    """Call from so many connections at one moment; gives each one's SQLSTATE, '00000' where it went well."""
    ready = Barrier(count)

    def one(_: int) -> str:
        with connect(url) as conn:
            ready.wait()
            try:
                call(conn)
            except psycopg.Error as error:
                return error.sqlstate or "?"
            return "00000"

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(one, range(count)))
