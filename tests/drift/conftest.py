"""Roles that may look and nothing else."""

import psycopg
import pytest
from psycopg import sql

from tools import databases

WATCHER = "broadcast_watcher"
VERIFIER = "broadcast_verifier"
PASSWORD = "test-only"  # noqa: S105


@pytest.fixture(scope="session")
def watcher(server_url: str) -> str:
    """Name of a role that may connect, and no more."""
    with databases.connect(server_url, autocommit=False) as conn:
        _create(conn, WATCHER)
    return WATCHER


@pytest.fixture(scope="session")
def verifier(server_url: str, template: str) -> str:
    """Name of a role that may connect and is a member of broadcast_reader."""
    del template  # whose upgrade makes the role broadcast_reader
    with databases.connect(server_url, autocommit=False) as conn:
        _create(conn, VERIFIER)
        conn.execute(sql.SQL("GRANT broadcast_reader TO {}").format(sql.Identifier(VERIFIER)))
    return VERIFIER


def _create(conn: psycopg.Connection[tuple[object, ...]], role: str) -> None:
    # Runs that share a server would meet in pg_authid.
    conn.execute("SELECT pg_advisory_xact_lock(hashtext('channel_owner'))")
    if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), PASSWORD))
