"""Broadcasts for the tests, and what became of them."""

import datetime
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tools.databases import add_channel, add_user, broadcast_id

Conn = psycopg.Connection[Any]


@dataclass(frozen=True)
class Broadcast:
    """A broadcast, its channel and its owner."""

    id: UUID
    client: UUID
    open_id: str
    closed_id: str


def add_broadcast(conn: Conn, client: UUID | None = None, *, due: bool = True) -> Broadcast:
    """Register a channel; its broadcast is due at once, or tomorrow."""
    client = client or add_user(conn)
    # Together: a worker that is awake would send it in between.
    with conn.transaction():
        pair = add_channel(conn, client)
        found = broadcast_id(conn, pair)
        assert found is not None
        if not due:
            conn.execute(
                "UPDATE broadcast_manager SET next_send_time = now() + interval '1 day' WHERE id = %s", [found]
            )
    return Broadcast(found, client, *pair)


def row(conn: Conn, broadcast: Broadcast) -> dict[str, Any]:
    """The broadcast's row, with its state as people are told it and when it is next due, in seconds from now."""
    with conn.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT b.*, broadcast.broadcast_state(b) AS state, broadcast.off_reason(b) AS off_reason,"
            " extract(epoch FROM b.next_send_time - now())::float8 AS due_in"
            " FROM broadcast_manager AS b WHERE b.id = %s",
            [broadcast.id],
        ).fetchone()
    assert found is not None
    return found


def parts(conn: Conn, broadcast: Broadcast) -> list[tuple[str, str, str | None]]:
    """Every attempt in the order of deliveries: part, state, error code."""
    return conn.execute(
        "SELECT p.part, p.state, p.error_code FROM broadcast.delivery_parts AS p "
        "INNER JOIN broadcast.deliveries AS d ON d.id = p.delivery_id WHERE d.broadcast_id = %s "
        "ORDER BY d.id, p.attempt, p.part DESC",
        [broadcast.id],
    ).fetchall()


def outcomes(conn: Conn, broadcast: Broadcast) -> list[str | None]:
    """How each of its deliveries ended, None for one that has not."""
    rows = conn.execute("SELECT outcome FROM broadcast.deliveries WHERE broadcast_id = %s ORDER BY id", [broadcast.id])
    return [outcome for (outcome,) in rows.fetchall()]


def make_due(conn: Conn, broadcast: Broadcast) -> None:
    """As if the time had passed."""
    conn.execute("UPDATE broadcast_manager SET next_send_time = now() WHERE id = %s", [broadcast.id])


def seconds(**time: float) -> float:
    """A span in seconds, for comparison with due_in."""
    return datetime.timedelta(**time).total_seconds()
