"""What the pages tell people to type works as it stands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer.core
import typer.main

from pyapi.cli import app
from tests.migrations import builds
from tools import databases, servers

ROOT = databases.ROOT
# The reference is written from the sources; these two tell what was decided and found at their time.
HISTORY = {"DECISIONS.md", "BUGS.md"}
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "explanation").glob("*.md")]
    if page.name not in HISTORY
)
# tests/docs/test_tutorial.py and tests/ops/test_alerts.py run theirs.
HAVE_TESTS = {"tutorial.md", "runbook.md"}
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
# What a page writes for a value of the reader's.
VALUES = {"N": "1", "UUID": "7e1018e4-5644-4031-a05c-4166cc877264", "INTERVAL": "6 hours", "NAME": "key_missing"}
# pg_stat_statements belongs to servers that load it.
STAND_IN = "CREATE TEMPORARY TABLE pg_stat_statements (userid oid, calls bigint, query text)"


def blocks(page: Path, kind: str) -> list[str]:
    return [textwrap.dedent(text) for _, found, text in BLOCK.findall(page.read_text("utf-8")) if found == kind]


def shell_lines(page: Path) -> list[str]:
    """Each command of the blocks of a terminal, continued lines joined, without its comment."""
    lines = "\n".join(blocks(page, "console")).replace("\\\n", " ").splitlines()
    return [re.sub(r" +# .*", "", line[2:]) for line in lines if line.startswith(("$ ", "# "))]


def commands(page: Path) -> list[list[str]]:
    """Arguments of each broadcast-manager that a page shows, in a terminal or in a sentence."""
    text = page.read_text("utf-8")
    spans = [" ".join(span.split()) for span in re.findall(r"`(broadcast-manager [^`]+)`", text)]
    found = []
    for line in [*shell_lines(page), *spans]:
        for one in re.findall(r"(?<![\w/.-])(?<!--tag )broadcast-manager ([^|&<>;#]+)", line):
            words = shlex.split(one.replace("[", "").replace("]", "").replace("…", ""))
            found.append([VALUES.get(word, word) for word in words])
    return found


def parse(arguments: list[str]) -> None:
    """Take the arguments as the command line does, without running anything; a name alone stands for the command."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    context = group.make_context("broadcast-manager", list(arguments))
    name, *rest = [*context._protected_args, *context.args]
    group.commands[name].make_context(name, rest, parent=context, resilient_parsing=not rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one_that_the_command_line_takes(page: Path) -> None:
    for arguments in commands(page):
        if not set(arguments) & {"--help", "--version"}:
            parse(arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_is_there(page: Path) -> None:
    asked = re.findall(r"(?:`|^\$ )make (?:[A-Z]+=\S+ )*([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)
    there = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(asked) <= set(there)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_line_for_a_terminal_is_one_for_a_shell(page: Path) -> None:
    lines = "\n".join(shell_lines(page))
    done = subprocess.run(["bash", "-n"], input=lines, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def statements(page: Path) -> list[str]:
    """Each block of SQL, and what psql is given by -c."""
    given = [
        argument
        for line in shell_lines(page)
        if "psql" in line and "docker" not in line
        for option, argument in pairwise(shlex.split(line))
        if re.fullmatch(r"-[A-Z]*[a-z]?c", option) and not argument.startswith("\\")
    ]
    return [re.sub(r"^(BEGIN|COMMIT);$", "", text, flags=re.MULTILINE) for text in [*blocks(page, "sql"), *given]]


def error_of(conn: psycopg.Connection[Any], text: str) -> str:
    """The database's message about the statements, nothing where it takes them."""
    try:
        with conn.transaction():
            conn.execute(text.encode())
    except psycopg.Error as error:
        return error.diag.message_primary or ""
    return ""


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in HAVE_TESTS], ids=lambda page: page.name)
def test_every_statement_runs(page: Path, database: str, superuser: Callable[[str], str]) -> None:
    shown = re.findall(r"^ERROR:  (.*)$", page.read_text("utf-8"), re.MULTILINE)
    # A superuser, since some make roles.
    with databases.connect(superuser(database)) as conn, conn.transaction(force_rollback=True):
        conn.execute(STAND_IN)
        for text in statements(page):
            # A page about any channel writes … for its values.
            if "…" not in text:
                assert error_of(conn, text) in ["", *shown], text


def test_terminal_of_the_operations_page_does_what_it_says(
    new_database: Callable[..., str], adopted_template: str
) -> None:
    assert shutil.which("jq") or not os.environ.get("CI"), "CI is set, and there is no jq: apt-get install jq"
    folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "DATABASE_URL": new_database(adopted_template),
        "PATH": f"{folder}:{os.environ['PATH']}",
    }

    def code_of(line: str) -> int:
        shell = ["bash", "-o", "pipefail", "-c", line]
        done = subprocess.run(shell, env=environment, input="y\n" * 9, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr, line
        return done.returncode

    lines = [line for line in shell_lines(ROOT / "docs" / "operations.md") if "jq" not in line or shutil.which("jq")]
    assert {line: code_of(line) for line in lines} == dict.fromkeys(lines, 0)
    assert code_of("broadcast-manager indexes --drop") == 0


def test_script_for_a_database_without_the_rule_runs(old_database: str, server: servers.Server) -> None:
    [script] = re.findall(r"`psql -f (sql/checks/\w+\.sql)`", (ROOT / "docs" / "operations.md").read_text("utf-8"))
    done = builds.psql(server, old_database, ROOT / script)
    assert (done.returncode, done.stderr) == (0, "")
