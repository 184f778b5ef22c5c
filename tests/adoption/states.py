"""What the adoption tests share: rows as the time before the rule left them, and a look at a database as a whole."""

import uuid
from typing import Any, LiteralString, NamedTuple

import psycopg
import pytest
from alembic.util import CommandError
from psycopg import sql

from pyapi.checks.drift import Fact, read_fingerprint
from pyapi.checks.violations import find_violations
from tools import databases

Conn = psycopg.Connection[Any]
Pair = tuple[str, str]

BUSINESS_TABLES = ("registered_users", "main_clients_database", "broadcast_manager")

_OBJECTS: LiteralString = """
SELECT c.relkind::text || ' ' || c.oid::regclass::text FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text FROM pg_proc AS p WHERE p.pronamespace = 'public'::regnamespace
ORDER BY 1
"""


class Picture(NamedTuple):
    """All that can be told of a database: catalogue facts, names of all objects, every row of every table."""

    facts: list[Fact]
    objects: list[str]
    rows: dict[str, list[str]]


def picture(url: str) -> Picture:
    """Look at everything in the schema public."""
    with databases.connect(url) as conn:
        tables = conn.execute(
            "SELECT c.relname FROM pg_class AS c"
            " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        ).fetchall()
        return Picture(
            # Roles belong to the whole cluster: other tests come and go with this one.
            [fact for fact in read_fingerprint(conn) if fact.kind != "role"],
            [name for (name,) in conn.execute(_OBJECTS)],
            {table: rows(conn, table) for (table,) in tables},
        )


def rows(conn: Conn, table: str) -> list[str]:
    """Tell a table's rows, complete and in a stable order."""
    query = sql.SQL("SELECT to_jsonb(t)::text AS line FROM public.{} AS t ORDER BY line").format(sql.Identifier(table))
    return [line for (line,) in conn.execute(query)]


def business_rows(conn: Conn) -> dict[str, list[str]]:
    """Tell the rows of users, channels and broadcasts."""
    return {table: rows(conn, table) for table in BUSINESS_TABLES}


def broadcast(conn: Conn, broadcast_id: uuid.UUID) -> dict[str, Any] | None:
    """Tell one broadcast row as the JSON object that a quarantine would keep."""
    found = conn.execute("SELECT to_jsonb(b) FROM broadcast_manager AS b WHERE b.id = %s", [broadcast_id]).fetchone()
    return found[0] if found else None


def quarantine(conn: Conn) -> list[tuple[str, uuid.UUID, dict[str, Any]]]:
    """Tell the quarantine as (reason, broadcast_id, row)."""
    return conn.execute("SELECT reason, broadcast_id, broadcast_row FROM broadcast.quarantine ORDER BY id").fetchall()


def add_broadcast(conn: Conn, client: uuid.UUID | None, pair: tuple[str | None, str | None], **more: Any) -> uuid.UUID:
    """Insert a broadcast row as clients did by hand; `more` names further columns. Tells its id."""
    values = {
        "id": uuid.uuid4(),
        "client_id": client,
        "open_channel_id": pair[0],
        "closed_channel_id": pair[1],
        **more,
    }
    conn.execute(
        sql.SQL("INSERT INTO broadcast_manager ({}) VALUES ({})").format(
            sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(sql.Placeholder() * len(values))
        ),
        list(values.values()),
    )
    chosen: uuid.UUID = values["id"]
    return chosen


def add_many_channels(conn: Conn, client: uuid.UUID, count: int) -> None:
    """Insert that many channels of one client, with one statement for all but the first."""
    first = databases.add_channel(conn, client)
    conn.execute(
        "INSERT INTO main_clients_database SELECT r.* FROM main_clients_database AS c, generate_series(2, %s) AS n,"
        " jsonb_populate_record("
        "   c, jsonb_build_object('id', 1000000 + n, 'closed_channel_id', (10000000 + n)::text)"
        " ) AS r"
        " WHERE (c.open_channel_id, c.closed_channel_id) = (%s, %s)",
        [count, *first],
    )


def pairs_and_ids(conn: Conn) -> dict[Pair, uuid.UUID]:
    """Tell which broadcast row each pair has."""
    found = conn.execute("SELECT open_channel_id, closed_channel_id, id FROM broadcast_manager").fetchall()
    assert len({(o, c) for o, c, _ in found}) == len(found)
    return {(o, c): i for o, c, i in found}


def taken(url: str) -> None:
    """Upgrade; then every promise is kept, and a second upgrade changes nothing."""
    databases.upgrade(url)
    with databases.connect(url) as conn:
        assert find_violations(conn) == []
    before = picture(url)
    databases.upgrade(url)
    assert picture(url) == before


def refused(url: str) -> str:
    """Try to upgrade; nothing may change. Tells what the operator reads."""
    before = picture(url)
    with pytest.raises(CommandError) as refusal:
        databases.upgrade(url)
    assert picture(url) == before
    message = str(refusal.value)
    assert "nothing was changed" in message
    assert "Way out: " in message
    assert "run alembic upgrade head again" in message
    return message
