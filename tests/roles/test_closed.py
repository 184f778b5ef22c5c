"""Whatever default privileges or a restore opened, a role without rights reads, changes and becomes nothing."""

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString

import pytest
from psycopg import errors, sql
from typer.testing import CliRunner

from pyapi.cli import app
from tests.migrations import builds
from tests.roles.test_matrix import ALLOWED, API, READER, _matrix
from tools import databases, servers

EVERYTHING = (
    *("ALL ON SCHEMAS", "ALL ON TABLES", "ALL ON SEQUENCES", "ALL ON FUNCTIONS"),
    *("SELECT ON TABLES", "EXECUTE ON FUNCTIONS"),
)
ATTACKS: tuple[LiteralString, ...] = (
    "SELECT broadcast.password_hash_of('somebody')",
    "SELECT broadcast.user_of_id(gen_random_uuid())",
    "SELECT broadcast.delete_channel(gen_random_uuid(), '-1001', NULL)",
    "SELECT broadcast.update_channel(gen_random_uuid(), '-1001', NULL, '{}')",
    "SELECT broadcast.set_sending(false, 'mine')",
    "SELECT broadcast.claim_due_broadcasts('mine', 100)",
    "INSERT INTO broadcast.operators VALUES (gen_random_uuid())",
    "UPDATE broadcast.settings SET sending = true",
    "UPDATE broadcast.alembic_version SET version_num = 'mine'",
    "SELECT setval('broadcast.deliveries_id_seq', 1)",
    "CALL broadcast.repair_broadcasts()",
    "CREATE FUNCTION broadcast.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
)


@pytest.fixture
def analyst(server_url: str, template: str) -> Iterator[str]:
    """A role of the owner's that may log in and is a member of broadcast_reader, so it gets into the schema."""
    del template  # whose upgrade makes broadcast_reader
    name = f'analyst to "all" {uuid.uuid4().hex[:8]}'
    with databases.connect(server_url) as boss:
        boss.execute(
            sql.SQL("CREATE ROLE {0} LOGIN PASSWORD 'test-only'; GRANT broadcast_reader TO {0}").format(
                sql.Identifier(name)
            )
        )
        yield name
        boss.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _grant_by_default(url: str, grantee: str) -> None:
    to = sql.SQL("PUBLIC") if grantee == "PUBLIC" else sql.Identifier(grantee)
    with databases.connect(url) as conn:
        for what in EVERYTHING:
            conn.execute(sql.SQL("ALTER DEFAULT PRIVILEGES GRANT {} TO {}").format(sql.SQL(what), to))


def _ours(matrix: dict[str, set[str]]) -> dict[str, set[str]]:
    # Who may do what on the platform's tables is the platform's to say.
    return {name: actions for name, actions in matrix.items() if name.partition(".")[0] == "broadcast"}


def _attack(url: str, name: str) -> list[str]:
    """The attacks that were not refused."""
    succeeded: list[str] = []
    with databases.connect(databases.at(url, databases.name_of(url), name, "test-only")) as conn:
        for attack in ATTACKS:
            try:
                with conn.transaction(force_rollback=True):
                    conn.execute(attack)
            except errors.InsufficientPrivilege:
                continue
            except errors.Error as error:  # it got in, and failed there
                succeeded.append(f"{attack}: {error}")
            else:
                succeeded.append(attack)
    return succeeded


def _doctor(monkeypatch: pytest.MonkeyPatch, url: str) -> tuple[int, str]:
    monkeypatch.setenv("DATABASE_URL", url)
    done = CliRunner().invoke(app, ["doctor"])
    return done.exit_code, done.stdout


def _statements(told: str) -> list[str]:
    return [line for line in told.splitlines() if line.startswith(("GRANT ", "REVOKE "))]


@pytest.mark.parametrize("grantee", ["PUBLIC", READER, "analyst"])
def test_default_privileges_give_nobody_more_than_the_rule_does(
    grantee: str, analyst: str, empty_database: str
) -> None:
    _grant_by_default(empty_database, analyst if grantee == "analyst" else grantee)
    databases.upgrade(empty_database)
    with databases.connect(empty_database) as conn:
        # A later revision that makes a function or a table takes from others what it was granted by default.
        assert _ours(_matrix(conn, analyst)) == ALLOWED[READER]
    assert _attack(empty_database, analyst) == []


RESTORES: dict[str, list[str]] = {
    "without owner and grants": ["--no-owner", "--no-acl"],
    "schema only": ["--no-owner", "--no-acl", "--schema-only"],
    "schema only, with grants": ["--no-owner", "--schema-only"],
}


@pytest.fixture(params=list(RESTORES.values()), ids=list(RESTORES))
def restored(
    request: pytest.FixtureRequest, server: servers.Server, database: str, empty_database: str, tmp_path: Path
) -> str:
    """A database that was restored where default privileges had opened everything to PUBLIC."""
    _grant_by_default(empty_database, "PUBLIC")
    commands: list[list[str | Path]] = [
        [builds.program(server, "pg_dump"), "-Fc", "-f", tmp_path / "dump", database],
        [builds.program(server, "pg_restore"), *request.param, "-d", empty_database, tmp_path / "dump"],
    ]
    for command in commands:
        subprocess.run(command, capture_output=True, text=True, check=True)
    return empty_database


def test_doctor_says_what_a_restore_left_open_and_its_statements_close_it(
    analyst: str, restored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _attack(restored, analyst) != []
    code, told = _doctor(monkeypatch, restored)
    assert code == 1
    assert "open to PUBLIC: " in told
    with databases.connect(restored) as conn:
        for statement in _statements(told):
            conn.execute(statement.encode())
        assert _ours(_matrix(conn, API)) == ALLOWED[API]
    assert _doctor(monkeypatch, restored)[0] == 0
    assert _attack(restored, analyst) == []


def test_script_of_the_roles_closes_what_a_restore_left_open(
    analyst: str, restored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = CliRunner().invoke(app, ["roles", "--sql"]).stdout.replace("\\set ON_ERROR_STOP on", "")
    with databases.connect(restored) as conn:
        conn.execute(script.encode())
    assert _doctor(monkeypatch, restored)[0] == 0
    assert _attack(restored, analyst) == []


def test_statements_take_back_columns_sequences_options_and_what_was_granted_further(
    analyst: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = sql.Identifier(analyst)
    grants: tuple[LiteralString, ...] = (
        "GRANT ALL ON SCHEMA broadcast TO {} WITH GRANT OPTION",
        "GRANT SELECT (sending), UPDATE (sending) ON broadcast.settings TO {}",
        "GRANT UPDATE ON SEQUENCE broadcast.deliveries_id_seq TO {}",
        "GRANT EXECUTE ON FUNCTION broadcast.set_sending(boolean, text) TO {} WITH GRANT OPTION",
        "GRANT EXECUTE ON PROCEDURE broadcast.repair_broadcasts TO {}",
        "GRANT EXECUTE ON FUNCTION broadcast.metrics() TO broadcast_reader WITH GRANT OPTION",
    )
    with databases.connect(database) as conn:
        for grant in grants:
            conn.execute(sql.SQL(grant).format(odd))
    with databases.connect(databases.at(database, databases.name_of(database), analyst, "test-only")) as conn:
        conn.execute("GRANT EXECUTE ON FUNCTION broadcast.set_sending(boolean, text) TO PUBLIC")
    code, told = _doctor(monkeypatch, database)
    assert code == 1
    with databases.connect(database) as conn:
        for statement in _statements(told):
            conn.execute(statement.encode())
    code, told = _doctor(monkeypatch, database)
    assert code == 0
    assert _attack(database, analyst) == []
