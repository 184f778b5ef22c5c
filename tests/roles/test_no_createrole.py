"""Roles are a convenience: who may not create them upgrades all the same, and makes up for it later."""

from collections.abc import Iterator

import pytest
from psycopg import sql
from typer.testing import CliRunner

from pyapi.cli import app
from tests.live.interruptions import own_server
from tests.roles.test_matrix import ROLES
from tools import databases, servers

SHOP = "shop"


@pytest.fixture
def shop(server: servers.Server) -> Iterator[tuple[str, str]]:
    """A database of before whose owner may not create roles, on a cluster without ours: its URL, the superuser's."""
    # On the tests' common server the roles are there already, for everybody.
    with own_server(server) as own:
        databases.create_owner(own.url)
        with databases.connect(own.url) as boss:
            boss.execute(sql.SQL("ALTER ROLE {} NOCREATEROLE").format(sql.Identifier(databases.OWNER)))
        url = databases.create_database(own.url)
        databases.load(url, databases.EXISTING_SCHEMA)
        yield url, databases.at(own.url, databases.name_of(url))


def test_upgrade_without_createrole_names_the_roles_once_and_a_dba_makes_up_for_it(
    shop: tuple[str, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, superuser_url = shop
    caplog.set_level("INFO", "alembic.broadcast_manager")
    databases.upgrade(url)
    told = [record.getMessage() for record in caplog.records if "may not create roles" in record.getMessage()]
    assert len(told) == 1
    assert all(role in told[0] for role in ROLES)
    assert "broadcast-manager roles --sql" in told[0]

    monkeypatch.setenv("DATABASE_URL", url)
    doctor = CliRunner().invoke(app, ["doctor"])
    assert doctor.exit_code == 0
    assert all(role in doctor.stdout for role in ROLES)
    assert CliRunner().invoke(app, ["roles"]).stdout.count(": missing") == len(ROLES)

    script = CliRunner().invoke(app, ["roles", "--sql"]).stdout.replace("\\set ON_ERROR_STOP on", "")
    with databases.connect(superuser_url) as boss:
        for _ in range(2):
            boss.execute(script.encode())
    doctor = CliRunner().invoke(app, ["doctor"])
    assert (doctor.exit_code, "not there" in doctor.stdout) == (0, False)
    assert CliRunner().invoke(app, ["roles"]).stdout.count(": there") == len(ROLES)
    databases.downgrade(url)


def test_role_that_is_there_gets_its_grants_and_the_others_are_left_out(
    shop: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, superuser_url = shop
    with databases.connect(superuser_url) as boss:
        boss.execute("CREATE ROLE broadcast_api")
    databases.upgrade(url)
    monkeypatch.setenv("DATABASE_URL", url)
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0
    with databases.connect(superuser_url) as boss:
        boss.execute("CREATE ROLE broadcast_worker")
    drift = CliRunner().invoke(app, ["doctor"])
    assert drift.exit_code == 1
    assert "broadcast_worker" in drift.stdout
