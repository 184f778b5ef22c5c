"""A dump restored is the database that was dumped: same ids, same counts, the rule in force; or it is refused."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.checks.violations import find_violations
from tests.live.interruptions import own_server
from tests.migrations import builds
from tools import databases
from tools.servers import Server

CHANNELS = 200
CASCADE_KEY = "broadcast_manager_client_id_pair_fkey"
# The three tables in the order in which the rule takes them, and the sequence of the channels' ids.
TABLES = ("registered_users", "main_clients_database", "broadcast_manager")
SEQUENCE = "main_clients_database_id_seq"
NAMED = [word for name in (*TABLES, SEQUENCE) for word in ("-t", name)]

Contents = dict[str, list[str]]
Restore = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(server: Server) -> Restore:
    """Runs a program of PostgreSQL of the server's version."""

    def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [builds.program(server, program), *arguments], capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def source(database: str) -> str:
    """URL of a database in use: channels of several clients, broadcasts with a history, a claim, a quarantine."""
    with databases.connect(database) as conn:
        for _ in range(10):
            client = databases.add_user(conn)
            for _ in range(CHANNELS // 10):
                databases.add_channel(conn, client)
        conn.execute("UPDATE broadcast_manager SET total_broadcasts = 7, last_sent_time = now() - interval '1 day'")
        conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 25")
        conn.execute("INSERT INTO broadcast.quarantine (reason, broadcast_row) VALUES ('duplicate', '{}')")
        conn.execute(
            "SELECT broadcast.intend_part(delivery_id, 'w', 'open') FROM broadcast.claim_due_broadcasts('w', 5)"
        )
    return database


@pytest.fixture
def dump(run: Restore, source: str, tmp_path: Path) -> Path:
    """A dump of it, made by the owner."""
    file = tmp_path / "dump"
    _goes_well(run("pg_dump", "-Fc", "-f", file, source))
    return file


@pytest.fixture
def upgraded_database(new_database: Callable[..., str], template: str) -> str:
    """URL of a second database with the rule and without a row."""
    return new_database(template)


def test_full_restore(run: Restore, source: str, dump: Path, empty_database: str) -> None:
    _goes_well(run("pg_restore", "-d", empty_database, dump))
    _is_the_same(empty_database, source)


def test_parallel_restore(run: Restore, source: str, tmp_path: Path, empty_database: str) -> None:
    _goes_well(run("pg_dump", "-Fd", "-j", "2", "-f", tmp_path / "folder", source))
    _goes_well(run("pg_restore", "-j", "2", "-d", empty_database, tmp_path / "folder"))
    _is_the_same(empty_database, source)


def test_restore_in_sections_needs_no_superuser(run: Restore, source: str, dump: Path, empty_database: str) -> None:
    for section in ("pre-data", "data", "post-data"):
        _goes_well(run("pg_restore", f"--section={section}", "-d", empty_database, dump))
    _is_the_same(empty_database, source)


def test_schema_then_data_with_disabled_triggers(
    run: Restore, source: str, dump: Path, empty_database: str, superuser: Callable[[str], str]
) -> None:
    _goes_well(run("pg_restore", "--schema-only", "-d", empty_database, dump))
    _goes_well(run("pg_restore", "--data-only", "--disable-triggers", "-d", superuser(empty_database), dump))
    _is_the_same(empty_database, source)


@pytest.mark.parametrize("single", [True, False], ids=["one transaction", "a transaction a table"])
def test_schema_then_data_with_the_rule_on_is_refused(
    run: Restore, dump: Path, empty_database: str, single: bool
) -> None:
    _goes_well(run("pg_restore", "--schema-only", "-d", empty_database, dump))
    options = ["--single-transaction"] if single else []
    refused = run("pg_restore", "--data-only", *options, "-d", empty_database, dump)
    assert refused.returncode == 1
    assert CASCADE_KEY in refused.stderr
    found = _contents(empty_database)
    assert {name: len(found[name]) for name in TABLES if name != "registered_users"} == {
        "main_clients_database": 0,
        "broadcast_manager": 0,
    }
    if single:
        assert not any(found.values())
    _is_in_order(empty_database)


def test_data_only_into_an_upgraded_database_is_refused_in_the_dump_s_order(
    run: Restore, dump: Path, upgraded_database: str
) -> None:
    before = _contents(upgraded_database)
    refused = run("pg_restore", "--data-only", "--single-transaction", *NAMED, "-d", upgraded_database, dump)
    assert refused.returncode == 1
    assert CASCADE_KEY in refused.stderr
    assert _contents(upgraded_database) == before


def test_data_only_into_an_upgraded_database_with_disabled_triggers(
    run: Restore, source: str, dump: Path, upgraded_database: str, superuser: Callable[[str], str]
) -> None:
    _goes_well(run("pg_restore", "--data-only", "--disable-triggers", *NAMED, "-d", superuser(upgraded_database), dump))
    _is_the_same(upgraded_database, source, TABLES)


def test_data_only_into_an_upgraded_database_channels_first_keeps_ids_without_a_superuser(
    run: Restore, source: str, dump: Path, tmp_path: Path, upgraded_database: str
) -> None:
    listed = _goes_well(run("pg_restore", "--list", "--data-only", dump)).splitlines()
    wanted = [*(f"TABLE DATA public {name} " for name in TABLES), f"SEQUENCE SET public {SEQUENCE} "]
    order = tmp_path / "order"
    order.write_text("\n".join(line for want in wanted for line in listed if want in line))
    restore = ("pg_restore", "--data-only", "-L", order, "-d", upgraded_database)

    # Without one transaction for all tables the rule has made rows of its own by the time the dump's come.
    refused = run(*restore, dump)
    assert refused.returncode == 1
    assert "broadcast_manager_pair_key" in refused.stderr
    _is_in_order(upgraded_database)
    with databases.connect(upgraded_database) as conn:
        conn.execute("DELETE FROM registered_users")

    _goes_well(run(*restore, "--single-transaction", dump))
    _is_the_same(upgraded_database, source, TABLES)


def test_what_the_docs_say_to_run_after_a_restore_leaves_nothing_due(
    run: Restore, dump: Path, tmp_path: Path, empty_database: str
) -> None:
    _goes_well(run("pg_restore", "-d", empty_database, dump))
    page = (databases.ROOT / "docs/high-availability.md").read_text()
    section = page.partition("## After a backup was restored\n")[2].partition("\n## ")[0]
    script = tmp_path / "script.sql"
    script.write_text(section.partition("```sql\n")[2].partition("```")[0])
    with databases.connect(empty_database) as conn:
        # As in a dump of two nights ago; with the claims of a moment ago, as after recovery to a point in time.
        conn.execute("UPDATE broadcast_manager SET next_send_time = next_send_time - interval '50 hours'")
        with conn.transaction(force_rollback=True):
            assert len(conn.execute(_CLAIM).fetchall()) == CHANNELS - 5
        _goes_well(run("psql", "-X", "-v", "ON_ERROR_STOP=1", "-f", script, empty_database))
        assert conn.execute("SELECT broadcast.release_expired_claims()").fetchone() == (0,)
        assert conn.execute(_CLAIM).fetchall() == []
        assert conn.execute(
            "SELECT count(*), min(next_send_time) > now(), max(next_send_time) <= now() + interval '24 hours'"
            " FROM broadcast_manager"
        ).fetchone() == (CHANNELS, True, True)
        # What was under way when it was backed up.
        assert conn.execute("SELECT DISTINCT state FROM broadcast.delivery_parts").fetchall() == [("unknown",)]
    _is_in_order(empty_database)


def test_restored_row_is_not_taken_for_a_new_one_by_a_transaction_of_the_same_number(
    run: Restore, server: Server, database: str, tmp_path: Path
) -> None:
    dump = tmp_path / "dump"
    with databases.connect(database) as conn:
        client = databases.add_user(conn)
        # More than a young cluster has used.
        conn.execute("DO $$ BEGIN FOR n IN 1..5000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$")
        with conn.transaction():
            pair = databases.add_channel(conn, client)
            number = _current_xid(conn)
        conn.execute("UPDATE broadcast_manager SET total_broadcasts = 77")
        before = _rows(conn, "broadcast_manager")
    _goes_well(run("pg_dump", "-Fc", "-f", dump, database))
    with own_server(server) as young:
        databases.create_owner(young.url)
        url = databases.create_database(young.url)
        _goes_well(run("pg_restore", "--no-acl", "-d", url, dump))
        with databases.connect(young.url) as boss:
            boss.execute("ALTER SYSTEM SET autovacuum = off")
            boss.execute("SELECT pg_reload_conf()")
        with databases.connect(url) as conn:
            conn.execute(
                "DO $$ BEGIN WHILE pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
                f" < {number} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$".encode()
            )
            with conn.transaction():
                made = conn.execute(_ALL_PAIRS).fetchall()
                assert _current_xid(conn) == number, "the numbers did not meet"
            assert made == []
            assert _rows(conn, "broadcast_manager") == before
            assert databases.broadcast_id(conn, pair) is not None


_ALL_PAIRS: LiteralString = (
    "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)"
    " SELECT client_id, open_channel_id, closed_channel_id FROM main_clients_database"
    " ON CONFLICT DO NOTHING RETURNING id"
)


def _current_xid(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()
    assert row is not None
    return int(row[0])


_CLAIM: LiteralString = "SELECT broadcast_id FROM broadcast.claim_due_broadcasts('w', 1000)"


def _goes_well(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def _contents(url: str, tables: tuple[str, ...] | None = None) -> Contents:
    with databases.connect(url) as conn:
        names = tables or [
            str(row[0])
            for row in conn.execute(
                "SELECT c.oid::regclass::text FROM pg_class AS c WHERE c.relkind = 'r' AND c.relpersistence = 'p'"
                " AND c.relnamespace IN ('public'::regnamespace, 'broadcast'::regnamespace) ORDER BY 1"
            ).fetchall()
        ]
        return {name: _rows(conn, name) for name in names}


def _rows(conn: psycopg.Connection[Any], table: str) -> list[str]:
    query = sql.SQL("SELECT to_jsonb(t)::text FROM {} AS t").format(sql.Identifier(*table.split(".")))
    return sorted(str(row[0]) for row in conn.execute(query))


def _is_the_same(url: str, source: str, tables: tuple[str, ...] | None = None) -> None:
    before = _contents(source, tables)
    assert len(before["broadcast_manager"]) == len(before["main_clients_database"]) == CHANNELS
    assert _contents(url, tables) == before
    _is_in_order(url)
    with databases.connect(url) as conn:
        pair = databases.add_channel(conn, databases.add_user(conn))
        assert databases.broadcast_id(conn, pair) is not None
    _is_in_order(url)


def _is_in_order(url: str) -> None:
    with databases.connect(url) as conn:
        assert find_violations(conn) == []
        assert find_drift(read_fingerprint(conn)) == []
