"""Every client of examples/clients/ gets its broadcast row, by the very command that its README tells."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from pyapi.checks.violations import find_violations
from tests.migrations import builds
from tools import databases, servers

CLIENTS = databases.ROOT / "examples" / "clients"
COMMANDS = {
    file: command
    for file, command in re.findall(
        r"^\| [^|]+ \| \[(.+?)\]\(\1\) \| `(.+)` \|$", (CLIENTS / "README.md").read_text(), re.MULTILINE
    )
}
HOW_TO_GET_NODE = "node-postgres is not here: install Node.js and run npm ci --prefix examples/clients/node"


def test_readme_tells_of_every_client() -> None:
    assert set(COMMANDS) == {
        str(file.relative_to(CLIENTS))
        for file in CLIENTS.rglob("*")
        if file.suffix in {".sql", ".py", ".mjs"} and "node_modules" not in file.parts
    }


@pytest.fixture(params=["own tables", "live tables"])
def url(request: pytest.FixtureRequest, new_database: Callable[..., str], template: str, adopted_template: str) -> str:
    """A fresh database with the rule: where currencies are text, and where they are an enum."""
    return new_database(template if request.param == "own tables" else adopted_template)


@pytest.mark.parametrize("file", COMMANDS)
def test_client_registers_a_channel_and_reads_its_broadcast_id(file: str, url: str, server: servers.Server) -> None:
    if file.endswith(".mjs"):
        node_must_be_here()

    told = run(COMMANDS[file], url, builds.program(server, "psql").parent)

    assert (told.returncode, told.stderr) == (0, "")
    label, _, broadcast_id = told.stdout.partition(": ")
    assert label == "broadcast_id"
    with databases.connect(url) as conn:
        # One transaction made them all, and there is no other row.
        assert conn.execute(
            "SELECT b.id, b.xmin = c.xmin AND c.xmin = u.xmin"
            " FROM registered_users AS u"
            " FULL JOIN main_clients_database AS c ON c.client_id = u.user_id"
            " FULL JOIN broadcast_manager AS b USING (client_id, open_channel_id, closed_channel_id)"
        ).fetchall() == [(UUID(broadcast_id.removesuffix("\n")), True)]
        assert find_violations(conn) == []


def test_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (CLIENTS / "node" / "package-lock.json").read_text()


def run(command: str, url: str, psql_folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of shell as somebody does who has activated the environment."""
    path = os.pathsep.join([str(Path(sys.executable).parent), str(psql_folder), os.environ["PATH"]])
    # Nothing of the checkout can be imported.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        ["sh", "-c", command],
        cwd=CLIENTS,
        env=environment | {"PATH": path, "DATABASE_URL": url},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def node_must_be_here() -> None:
    """Leave the test out where Node.js or its driver is missing; in CI that is a failure."""
    if shutil.which("node") is None or not (CLIENTS / "node" / "node_modules" / "pg").exists():
        if os.environ.get("CI"):
            pytest.fail(HOW_TO_GET_NODE)
        pytest.skip(HOW_TO_GET_NODE)
