"""G7: what a superuser or the tables' owner can bypass is found by the integrity check and the catalogue check."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import errors

from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.checks.violations import find_violations
from tools.databases import add_channel, connect

Connection = psycopg.Connection[Any]


def checks(conn: Connection) -> set[str]:
    return {v.check_name for v in find_violations(conn)}


def test_g7_database_in_order_shows_nothing(conn: Connection, client: UUID) -> None:
    add_channel(conn, client)
    assert find_violations(conn) == []
    assert find_drift(read_fingerprint(conn)) == []


def test_g7_channel_inserted_in_replica_mode_is_found(
    conn: Connection, client: UUID, database: str, superuser: Callable[[str], str]
) -> None:
    with connect(superuser(database)) as admin, admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica")
        pair = add_channel(admin, client)
    (violation,) = find_violations(conn)
    assert (violation.check_name, violation.client_id) == ("channel_without_broadcast", client)
    assert (violation.open_channel_id, violation.closed_channel_id) == pair


def test_g7_row_left_behind_in_replica_mode_is_found(
    conn: Connection, client: UUID, database: str, superuser: Callable[[str], str]
) -> None:
    add_channel(conn, client)
    with connect(superuser(database)) as admin, admin.transaction():
        admin.execute("SET LOCAL session_replication_role = replica; DELETE FROM main_clients_database")
    assert checks(conn) == {"broadcast_without_channel"}


def test_g7_disable_trigger_all_is_found(conn: Connection, database: str, superuser: Callable[[str], str]) -> None:
    with connect(superuser(database)) as admin:
        admin.execute("ALTER TABLE main_clients_database DISABLE TRIGGER ALL")
    assert checks(conn) == {"trigger_disabled", "key_trigger_disabled"}
    assert {d.kind for d in find_drift(read_fingerprint(conn))} == {"trigger", "key trigger"}


def test_g7_dropped_key_is_found(conn: Connection) -> None:
    conn.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey")
    assert checks(conn) == {"key_missing"}
    assert "main_clients_database_pair_fkey" in {d.name for d in find_drift(read_fingerprint(conn))}


def test_g7_not_enforced_is_found_where_postgresql_has_it(conn: Connection) -> None:
    not_enforced = "ALTER TABLE main_clients_database ALTER CONSTRAINT main_clients_database_pair_fkey NOT ENFORCED"
    if conn.info.server_version < 180000:
        with pytest.raises(errors.SyntaxError):
            conn.execute(not_enforced)
        assert checks(conn) == set()
        return
    conn.execute(not_enforced)
    assert checks(conn) == {"key_not_enforced"}
    conn.execute("ALTER TABLE main_clients_database ALTER CONSTRAINT main_clients_database_pair_fkey ENFORCED")
    assert checks(conn) == set()
