"""The three tables are their owner's: columns change type as they did before the upgrade, and then all works."""

from collections.abc import Callable, Iterator
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.checks.violations import find_violations
from tests.delivery.broadcasts import Conn
from tests.delivery.calls import claim, finish, intend, record
from tests.functions.calls import fields, register, update, value
from tools import databases
from tools.databases import add_channel, add_user, broadcast_id

TABLES = ("registered_users", "main_clients_database", "broadcast_manager")
COLUMNS: LiteralString = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typtype
FROM pg_attribute AS a
INNER JOIN pg_type AS t ON a.atttypid = t.oid
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
# What an owner would make of each type; the first of them keeps every value.
OTHER_TYPES: dict[str, tuple[str, ...]] = {
    "varchar": ("text", "varchar(1000)"),
    "text": ("varchar", "varchar(1000)"),
    "smallint": ("integer", "bigint", "numeric"),
    "integer": ("bigint", "numeric", "smallint"),
    "bigint": ("numeric",),
    "numeric": ("numeric", "numeric(20,6)", "double precision", "integer"),
    "timestamp": ("timestamptz",),
    "timestamptz": ("timestamp",),
    "boolean": ("text",),
    "uuid": ("text",),
    "enum": ("text", "varchar(20)"),
}
# The trigger that takes rows over looks at the id before it calls anything, and PostgreSQL keeps such a column's type.
REFUSED_AFTERWARDS = {("broadcast_manager", "id")}


def columns(conn: Conn, table: str) -> dict[str, str]:
    """The columns of a table, each with its type as DDL has it."""
    return {name: type_name for name, type_name, _ in conn.execute(COLUMNS, [table])}


def other_types(conn: Conn, table: str) -> Iterator[tuple[str, str, str]]:
    """Each column with its type and each of the others that it could have."""
    for name, type_name, kind in conn.execute(COLUMNS, [table]).fetchall():
        short = "enum" if kind == "e" else type_name.partition("(")[0]
        short = {
            "character varying": "varchar",
            "timestamp without time zone": "timestamp",
            "timestamp with time zone": "timestamptz",
        }.get(short, short)
        for other in OTHER_TYPES[short]:
            yield name, type_name, other


def alter(conn: Conn, table: str, column: str, type_name: str) -> None:
    change = sql.SQL("ALTER TABLE {} ALTER {} TYPE {}").format(
        sql.Identifier(table),
        sql.Identifier(column),
        sql.SQL(type_name),
    )
    conn.execute("SET LOCAL timezone = 'UTC'")
    conn.execute(change)


def outcome(conn: Conn, table: str, column: str, *types: str, then: Callable[[], object] = lambda: None) -> str:
    """What becomes of a column that gets one type after the other; taken back at the end."""
    try:
        with conn.transaction(force_rollback=True):
            alter(conn, table, column, types[0])
            then()
            # Keys that are checked at the end of the transaction stand in the way of the next change.
            conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            for type_name in types[1:]:
                alter(conn, table, column, type_name)
    except psycopg.Error as error:
        return f"{error.sqlstate} {error}"
    return "changed"


@pytest.fixture
def database(new_database: Callable[..., str], adopted_template: str) -> str:
    """The same database, upgraded."""
    return new_database(adopted_template)


@pytest.mark.parametrize("table", TABLES)
def test_type_of_a_column_can_be_changed_if_and_only_if_it_could_before(table: str, old: Conn, conn: Conn) -> None:
    client = add_user(old)
    add_channel(old, client)
    add_channel(conn, add_user(conn, client))
    differences = {}
    for column, type_name, other in other_types(old, table):
        before = outcome(old, table, column, other, type_name)
        after = outcome(conn, table, column, other, type_name)
        if before[:5] != after[:5] and (table, column) not in REFUSED_AFTERWARDS:
            differences[column, other] = before, after
    assert differences == {}


def test_only_the_id_of_a_broadcast_keeps_its_type(old: Conn, conn: Conn) -> None:
    for table, column in REFUSED_AFTERWARDS:
        assert outcome(old, table, column, "text") == "changed"
        assert outcome(conn, table, column, "text").startswith("0A000")


@pytest.mark.parametrize("table", TABLES)
def test_everything_works_whatever_type_a_column_has(table: str, database: str) -> None:
    failed: dict[tuple[str, str], str] = {}
    with databases.connect(database) as conn:
        found = [(c, o) for c, _, o in other_types(conn, table) if outcome(conn, table, c, o) == "changed"]
    for column, other in found:
        # A connection of its own: in an open one PL/pgSQL keeps the types that it has once seen.
        with databases.connect(database) as conn:
            told = outcome(conn, table, column, other, then=lambda: everything_works(conn))
            if told != "changed":
                failed[column, other] = told
    assert failed == {}, "\n".join(f"{c}: {t}" for c, t in failed.items())


def test_everything_works_where_all_types_are_others_before_the_upgrade(old_database: str, old: Conn) -> None:
    pair = add_channel(old, add_user(old))
    changed = 0
    for table in TABLES:
        for column, type_name in columns(old, table).items():
            if type_name != "uuid" and type_name != "boolean":
                other = next(o for c, _, o in other_types(old, table) if c == column)
                with old.transaction():
                    alter(old, table, column, other)
                changed += 1
    assert changed > 40
    databases.upgrade(old_database)
    assert broadcast_id(old, pair) is not None
    old.execute("DELETE FROM main_clients_database")
    with old.transaction():
        everything_works(old)
    old.execute("CALL broadcast.repair_broadcasts()")
    old.execute("CALL broadcast.backfill_broadcasts()")


def everything_works(conn: Conn) -> None:
    """The rule, the checks and every function of API and workers, once each."""
    conn.execute("UPDATE broadcast.settings SET messages_per_second = NULL, chat_interval = NULL")
    client = add_user(conn)
    conn.execute("INSERT INTO broadcast.operators VALUES (%s)", [client])
    _the_rule_works(conn, client)
    _the_api_works(conn, client)
    _the_worker_works(conn)
    conn.execute("SELECT broadcast.check_integrity()")
    assert conn.execute("SELECT count(*) FROM broadcast.metrics()").fetchone() != (0,)
    for query in (
        "SELECT * FROM broadcast.queue()",
        "SELECT * FROM broadcast.broadcasts_by_state()",
        "SELECT * FROM broadcast.integrity_counts()",
        "SELECT * FROM broadcast.broken_broadcasts()",
        "SELECT broadcast.quarantine_duplicate_broadcasts()",
        "SELECT broadcast.repair_broadcast_batch((SELECT array_agg(id) FROM broadcast_manager))",
        "SELECT broadcast.backfill_broadcast_batch(array_agg(open_channel_id), array_agg(closed_channel_id), '0')"
        " FROM main_clients_database",
    ):
        conn.execute(query.encode())
    for function in ("recent_failures", "first_integrity_violations"):
        conn.execute(f"SELECT * FROM broadcast.{function}(%s, 10)".encode(), [client])
    assert find_violations(conn) == []
    assert find_drift(read_fingerprint(conn)) == []
    conn.execute("DELETE FROM main_clients_database")
    assert conn.execute("SELECT FROM broadcast_manager").fetchall() == []


def _the_rule_works(conn: Conn, client: UUID) -> None:
    pair = add_channel(conn, client)
    made = broadcast_id(conn, pair)
    moved = databases.new_channel_id()
    conn.execute("UPDATE main_clients_database SET closed_channel_id = %s WHERE open_channel_id = %s", [moved, pair[0]])
    assert broadcast_id(conn, (pair[0], moved)) == made
    own = value(
        conn,
        "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s)"
        " ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING RETURNING id",
        *(client, pair[0], moved),
    )
    assert broadcast_id(conn, (pair[0], moved)) == own != made


def _the_api_works(conn: Conn, client: UUID) -> None:
    name = value(conn, "SELECT username FROM registered_users WHERE user_id = %s", client).strip()
    assert value(conn, "SELECT user_id FROM broadcast.password_hash_of(%s)", name) == client
    assert conn.execute("SELECT * FROM broadcast.user_of_id(%s)", [client]).fetchone() is not None
    conn.execute("SELECT broadcast.record_login(%s)", [client])
    conn.execute("SELECT broadcast.watch_client(%s)", [client])
    channel = fields(
        sub_2_price=12,
        payout_strategy="threshold",
        payout_threshold_usd="50",
        notification_status=True,
        notification_id=123456,
    )
    made = register(conn, client, channel)
    assert made is not None
    update(conn, client, channel, {"open_channel_title": "Evening signals", "sub_1_price": 8, "tier_count": 1})
    assert _fields_of(conn, client, made) == {
        "open_channel_title": "Evening signals",
        "sub_1_price": 8,
        "sub_1_time": 30,
        "sub_2_price": None,
        "payout_threshold_usd": 50,
        "notification_id": "123456",
        "client_payout_currency": "USDT",
        "state": "queued",
        "total_broadcasts": 0,
    }
    pair = channel["open_channel_id"], channel["closed_channel_id"]
    for function in ("request_broadcast", "reactivate_broadcast"):
        given = conn.execute(f"SELECT * FROM broadcast.{function}(%s, %s)".encode(), [made, client]).fetchone()
        assert given is not None
        assert tuple(text.strip() for text in given) == pair
    assert conn.execute("SELECT * FROM broadcast.client_broadcast(%s, %s)", [made, client]).fetchone() is not None
    again = fields(sub_2_price=12)
    register(conn, client, again)
    assert value(conn, "SELECT broadcast.delete_channel(%s, %s, NULL)", client, again["open_channel_id"]) is not None


def _fields_of(conn: Conn, client: UUID, broadcast: UUID) -> dict[str, Any]:
    listed = value(conn, "SELECT broadcast.client_channels(%s)", client)
    (channel,) = (c for c in listed["channels"] if c["broadcast_id"] == str(broadcast))
    names = (
        *("open_channel_title", "sub_1_price", "sub_1_time", "sub_2_price", "payout_threshold_usd", "notification_id"),
        *("client_payout_currency", "state", "total_broadcasts"),
    )
    return {name: channel[name].strip() if isinstance(channel[name], str) else channel[name] for name in names}


def _the_worker_works(conn: Conn) -> None:
    conn.execute("SELECT broadcast.set_sending(TRUE)")
    due = claim(conn)
    assert len(due) == 2
    for delivery, closed in zip(due, ("sent", "failed"), strict=True):
        for part, became in (("open", "sent"), ("closed", closed)):
            intended = intend(conn, delivery, part)
            assert intended is not None
            record(conn, delivery, part, became, attempt=intended[0])
        assert finish(conn, delivery) == {"sent": "sent", "failed": "failed"}[closed]
    conn.execute("UPDATE broadcast_manager SET next_send_time = now()")
    assert len(claim(conn)) == 2
    for delivery in due:
        conn.execute("SELECT * FROM broadcast.messages_to_delete(%s)", [delivery])
    conn.execute("SELECT broadcast.switch_off(b.id, 'operator') FROM broadcast_manager AS b")
    conn.execute("UPDATE broadcast.deliveries SET lease_until = now() - interval '1 s' WHERE finished_at IS NULL")
    assert value(conn, "SELECT broadcast.release_expired_claims()") == 2
    conn.execute("SELECT broadcast.forget_old_deliveries()")
