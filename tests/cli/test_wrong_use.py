"""Wrong use and missing databases: exit code 2, a sentence, never a traceback."""

import os
import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest
import typer.main

from pyapi.cli import app
from tests.cli.conftest import Run
from tools import databases

COMMANDS = [["verify"], ["doctor"], ["backfill"], ["upgrade"], ["downgrade", "base"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (None, "DATABASE_URL is not set"),
        ("", "DATABASE_URL is not set"),
        ("mysql://somewhere/db", "must begin with postgresql://"),
        ("postgresql://nobody@/nowhere?host=/nonexistent", "broadcast-manager: "),
        ("postgresql://nobody:very-secret@127.0.0.1:1/nowhere", "broadcast-manager: "),
    ],
    ids=["unset", "empty", "other scheme", "no socket", "nobody listens"],
)
def test_cli_without_a_database_says_so(run: Run, command: list[str], url: str | None, sentence: str) -> None:
    outcome = run(url, *command)
    assert (outcome.code, outcome.out) == (2, "")
    assert sentence in outcome.err
    assert "very-secret" not in outcome.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--unknown"],
        ["verify", "--check", "no_such_check"],
        ["verify", "--all", "--limit", "3"],
        ["verify", "--limit", "0"],
        ["verify", "--database-url", "mysql://somewhere/db"],
        ["unknown"],
        ["backfill", "--batch-size", "0"],
        ["backfill", "--batch-size", "many"],
        ["backfill", "--client", "no-uuid"],
        ["backfill", "--spread", "soon"],
        ["backfill", "--spread", "-1 hour"],
        ["backfill", "--spread", "infinity"],
        ["backfill", "--spread", "100000000 years"],
    ],
    ids=" ".join,
)
def test_cli_wrong_use_exits_with_2(run: Run, database: str, arguments: list[str]) -> None:
    outcome = run(database, *arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err


@pytest.mark.parametrize("place", [0, 1], ids=["before the command", "after it"])
@pytest.mark.parametrize("command", ["verify", "doctor", "backfill", "upgrade"])
def test_cli_database_may_be_an_option(run: Run, database: str, command: str, place: int) -> None:
    arguments = [command]
    arguments[place:place] = ["--database-url", database]
    assert run("postgresql://nobody@127.0.0.1:1/nowhere", *arguments).code == 0


@pytest.mark.parametrize("command", ["worker", "send-due"])
def test_cli_database_as_an_option_goes_before_that_of_workers(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("WORKER_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nowhere")
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123456:made-up-for-this-test")
    outcome = run(None, command, "--database-url", "mysql://somewhere/db")
    assert outcome.code == 2
    assert "must begin with postgresql://" in outcome.err


def test_cli_every_command_takes_the_database_as_an_option() -> None:
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        assert "--database-url" in {word for option in command.params for word in option.opts}, name


def test_cli_tells_its_version(run: Run) -> None:
    assert run(None, "--version") == (0, f"broadcast-manager {version('broadcast-manager')}\n", "")


@pytest.mark.parametrize(
    ("command", "fixture"),
    [("verify", "empty_database"), ("backfill", "empty_database"), ("backfill", "old_database")],
)
def test_cli_before_the_upgrade_says_what_to_do(
    run: Run, request: pytest.FixtureRequest, command: str, fixture: str
) -> None:
    outcome = run(request.getfixturevalue(fixture), command)
    assert outcome.code == 2
    assert "run broadcast-manager upgrade" in outcome.err


def test_cli_role_without_privileges_gets_a_sentence(run: Run, database: str, server_url: str) -> None:
    with databases.connect(server_url) as conn:
        conn.execute("DROP ROLE IF EXISTS cli_stranger")
        conn.execute("CREATE ROLE cli_stranger LOGIN PASSWORD 'test-only'")
    stranger = databases.at(database, databases.name_of(database), "cli_stranger", "test-only")
    for command in ("verify", "backfill"):
        outcome = run(stranger, command)
        assert outcome.code == 2
        assert "permission denied" in outcome.err
    with databases.connect(server_url) as conn:
        conn.execute("DROP ROLE cli_stranger")


def test_cli_shell_sees_exit_code_and_no_traceback() -> None:
    environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
    done = subprocess.run(
        [sys.executable, "-c", "from pyapi.cli import app; app()", "verify"],
        env=environment,
        cwd=databases.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("broadcast-manager: DATABASE_URL is not set")
