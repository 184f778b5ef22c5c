"""The tutorial works as it stands: its blocks run one after the other, and print what it shows."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pyapi import cli
from tests.migrations import builds
from tools import databases, servers

TUTORIAL = (databases.ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (broadcast-manager|alembic) ([^#\n]*?)(?: +# exit code (\d))?$", re.MULTILINE)
# What is another one each time: of ids the created ones alone.
OWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f-]{21}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\S*")


class Step(NamedTuple):
    """A block of the tutorial, and the output that it shows next."""

    kind: str
    text: str
    shown: str


def steps() -> Iterator[Step]:
    blocks = BLOCK.findall(TUTORIAL)
    for (kind, text), (following, output) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        yield Step(kind, text, output if following == "text" else "")


def lines(text: str) -> list[str]:
    # A time that ends in a zero is shorter, and with it its column.
    narrow = (re.sub(r"([ -])\1+", r"\1", OWN.sub("…", line)).strip() for line in text.splitlines())
    return [line for line in narrow if line]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split("[│┃]", line)]


def is_shown(line: str, output: list[str]) -> bool:
    """Whether an output has a line; … stands for the rest of a cell, or of the output."""
    starts = [cell.rstrip(" …") for cell in cells(line)]
    rows = [row for told in output if len(row := cells(told)) >= len(starts)]
    return any(all(map(str.startswith, row, starts)) for row in rows)


def run_commands(environment: dict[str, str], step: Step) -> None:
    output: list[str] = []
    for program, arguments, code in COMMAND.findall(step.text):
        if program == "alembic":
            command = [sys.executable, "-m", "alembic", *arguments.split()]
            ran = subprocess.run(command, cwd=databases.ROOT, env=environment, capture_output=True, text=True)
            assert ran.returncode == 0, ran.stderr
            output += lines(ran.stderr)
        else:
            done = CliRunner().invoke(cli.app, arguments.split())
            assert done.exit_code == int(code or 0), (arguments, done.output)
            output += lines(done.output)
    if output:
        shown = lines(step.shown) + [line for line in lines(step.text) if not line.startswith("$")]
        assert [line for line in shown if not is_shown(line, output)] == [], output


def test_every_block_does_what_it_says(
    empty_database: str, server: servers.Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    # So wide that no cell of a table is folded.
    monkeypatch.setattr(cli, "out", Console(width=500))
    psql = [str(builds.program(server, "psql")), "-Xq", "--pset=footer=off", "--set=ON_ERROR_STOP=1", empty_database]
    databases.load(empty_database, databases.EXISTING_SCHEMA)
    kinds = []
    for step in steps():
        kinds.append(step.kind)
        if step.kind == "console":
            run_commands(dict(os.environ), step)
        elif step.kind in ("sql", "python"):
            command = psql if step.kind == "sql" else [sys.executable, "-c", step.text]
            ran = subprocess.run(
                command, input=step.text, cwd=databases.ROOT, capture_output=True, encoding="utf-8", check=False
            )
            assert lines(ran.stdout + ran.stderr) == lines(step.shown), step.text
            assert (ran.returncode == 0) == ("ERROR:" not in step.shown)
    assert kinds.count("sql") > 8
