"""G8: rows that can't be kept are moved to the quarantine with the reason, whole, never dropped."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg

from pyapi.checks.violations import find_violations
from tools.databases import add_channel, add_user, broadcast_id, connect

Connection = psycopg.Connection[Any]


def test_g8_repair_moves_the_whole_row_to_the_quarantine(
    conn: Connection, client: UUID, database: str, superuser: Callable[[str], str]
) -> None:
    gone = add_channel(conn, client)
    conn.execute("UPDATE broadcast_manager SET total_broadcasts = 12, last_error_message = 'chat not found'")
    before = conn.execute("SELECT to_jsonb(b) FROM broadcast_manager AS b").fetchone()
    with connect(superuser(database)) as admin, admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica; DELETE FROM main_clients_database")
    gone_id = broadcast_id(conn, gone)
    conn.execute("CALL broadcast.repair_broadcasts()")
    assert find_violations(conn) == []
    assert conn.execute("SELECT reason, broadcast_id FROM broadcast.quarantine").fetchall() == [
        ("channel_gone", gone_id)
    ]
    assert conn.execute("SELECT broadcast_row FROM broadcast.quarantine").fetchone() == before


def test_g8_corrected_owner_keeps_the_row_and_remembers_the_old_one(
    conn: Connection, client: UUID, database: str, superuser: Callable[[str], str]
) -> None:
    pair = add_channel(conn, client)
    before = broadcast_id(conn, pair)
    wrong = add_user(conn)
    with connect(superuser(database)) as admin, admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        admin.execute("UPDATE broadcast_manager SET client_id = %s", [wrong])
    conn.execute("CALL broadcast.repair_broadcasts()")
    assert conn.execute("SELECT id, client_id FROM broadcast_manager").fetchall() == [(before, client)]
    assert conn.execute("SELECT reason, broadcast_row ->> 'client_id' FROM broadcast.quarantine").fetchall() == [
        ("owner_corrected", str(wrong))
    ]
    assert find_violations(conn) == []
