"""The figures for monitoring, and the full check that some of them come from."""

import re
from typing import Any

import psycopg

from tests.delivery.broadcasts import add_broadcast
from tests.delivery.calls import claim, send
from tools.databases import ROOT, add_channel, add_user, connect

Conn = psycopg.Connection[Any]


def _figures(conn: Conn) -> dict[str, float]:
    return {
        name if label is None else f"{name}{{{label_value}}}": value
        for name, _, label, label_value, value in conn.execute("SELECT * FROM broadcast.metrics()").fetchall()
    }


def test_before_the_first_check_there_are_no_figures_of_it(conn: Conn) -> None:
    figures = _figures(conn)
    assert "broadcast_manager_channels" not in figures
    assert figures["broadcast_manager_rule_part_in_force{create_broadcast_rows}"] == 1
    assert (figures["broadcast_manager_due"], figures["broadcast_manager_oldest_due_age_seconds"]) == (0, 0)


def test_check_counts_channels_rows_and_violations(conn: Conn, superuser: Any, database: str) -> None:
    client = add_user(conn)
    pairs = [add_channel(conn, client) for _ in range(3)]
    with connect(superuser(database)) as boss:
        boss.execute("SET session_replication_role = replica")
        boss.execute("DELETE FROM broadcast_manager WHERE open_channel_id = %s", [pairs[0][0]])
    assert conn.execute("SELECT broadcast.check_integrity()").fetchone() == (True,)
    figures = _figures(conn)
    assert figures["broadcast_manager_channels"] == 3
    assert figures["broadcast_manager_broadcasts"] == 2
    assert figures["broadcast_manager_violations{channel_without_broadcast}"] == 1
    assert figures["broadcast_manager_violations{owner_mismatch}"] == 0
    assert figures["broadcast_manager_due"] == 2
    assert figures["broadcast_manager_oldest_due_age_seconds"] > 0


def test_check_runs_at_its_own_pace(conn: Conn) -> None:
    assert conn.execute("SELECT broadcast.check_integrity('1 hour')").fetchone() == (True,)
    add_channel(conn, add_user(conn))
    assert conn.execute("SELECT broadcast.check_integrity('1 hour')").fetchone() == (False,)
    assert _figures(conn)["broadcast_manager_channels"] == 0
    assert conn.execute("SELECT broadcast.check_integrity('0')").fetchone() == (True,)
    assert _figures(conn)["broadcast_manager_channels"] == 1


def test_one_check_at_a_time(conn: Conn, database: str) -> None:
    with connect(database, autocommit=False) as other:
        assert other.execute("SELECT broadcast.check_integrity()").fetchone() == (True,)
        assert conn.execute("SELECT broadcast.check_integrity()").fetchone() == (False,)


def test_what_workers_do_is_counted(conn: Conn) -> None:
    conn.execute("UPDATE broadcast.settings SET messages_per_second = NULL, chat_interval = NULL")
    for _ in range(3):
        add_broadcast(conn)
    first, second, third = claim(conn, count=3)
    assert _figures(conn)["broadcast_manager_claimed"] == 3
    send(conn, first, "sent", "sent")
    send(conn, second, "failed", "sent")
    send(conn, third, "unknown", "sent")
    conn.execute("SELECT broadcast.check_integrity()")
    figures = _figures(conn)
    assert figures["broadcast_manager_claimed"] == 0
    assert figures["broadcast_manager_parts_last_day{failed}"] == 1
    assert figures["broadcast_manager_parts_last_day{unknown}"] == 1
    assert figures["broadcast_manager_attempts{successful}"] == 1
    assert figures["broadcast_manager_attempts{failed}"] == 1


def test_rows_of_all_writers_are_counted(conn: Conn) -> None:
    before = _figures(conn)["broadcast_manager_rows_inserted_total"]
    add_channel(conn, add_user(conn))
    conn.execute("SELECT pg_stat_force_next_flush()")
    conn.execute("SELECT pg_stat_clear_snapshot()")
    assert _figures(conn)["broadcast_manager_rows_inserted_total"] == before + 1


def test_every_check_of_the_view_has_its_figure(conn: Conn) -> None:
    conn.execute("SELECT broadcast.check_integrity()")
    text = (ROOT / "sql" / "checks" / "find_integrity_violations.sql").read_text()
    # The first column of a branch, and what its CASE gives.
    checks = set(re.findall(r"(?:SELECT\n\s+|THEN |ELSE )'([a-z]+_[a-z_]+)'", text))
    figures = {name for name in _figures(conn) if name.startswith("broadcast_manager_violations{")}
    assert {f"broadcast_manager_violations{{{check}}}" for check in checks} == figures
    assert len(checks) > 10
