"""The database that compose.yaml makes: whoever logs in there can do their work, and none is a superuser."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from demo.embedded import embedded_server, server_binaries
from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.queries import QUERIES
from tests.deployment.files import SERVICES
from tools.databases import ROOT, at, connect, upgrade

_PASSWORDS = {"OWNER_PASSWORD": "it's; --", "API_PASSWORD": "2", "WORKER_PASSWORD": "3"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a server of its own, since roles belong to all databases of one, after create_roles.sql."""
    with embedded_server(fast=True) as url:
        script = ROOT / "ops" / "compose" / "create_roles.sql"
        subprocess.run(
            [server_binaries() / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={script}", url],
            env=os.environ | _PASSWORDS,
            check=True,
        )
        yield url


def login(server: str, service: str) -> str:
    """The URL as which a service of compose.yaml connects, on this server."""
    role, _, database = SERVICES[service]["environment"]["DATABASE_URL"].removeprefix("postgresql://").partition("@")
    return at(server, database.partition("/")[2], role)


def test_each_service_logs_in_and_can_do_its_work(server: str) -> None:
    upgrade(login(server, "upgrade"))
    with connect(login(server, "api")) as conn:
        assert find_drift(read_fingerprint(conn)) == []
        assert conn.execute(QUERIES["rule_parts"]).fetchall() != []
        # tests/api/test_database_away.py has what a request is answered then.
        assert conn.execute("SHOW lock_timeout").fetchone() == ("3s",)
    with connect(login(server, "worker")) as conn:
        assert conn.execute(QUERIES["claim_due_broadcasts"], {"worker": "w", "count": 1}).fetchall() == []
    with connect(server) as conn:
        assert conn.execute(
            "SELECT array_agg(a.rolname::text ORDER BY a.rolname), bool_or(a.rolsuper),"
            " bool_and(a.rolpassword LIKE 'SCRAM%')"
            " FROM pg_authid AS a WHERE a.rolname LIKE 'paygateprime%'"
        ).fetchone() == (["paygateprime", "paygateprime_api", "paygateprime_worker"], False, True)
