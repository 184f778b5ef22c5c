"""The tutorial works as it stands: its blocks run one after the other, and fail where it says that they do."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import psycopg
import pytest
from typer.testing import CliRunner

from pyapi.cli import app
from tests import databases

TUTORIAL = (databases.ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (broadcast-manager|alembic) ([^#\n]*?)(?: +# exit code (\d))?$", re.MULTILINE)


class Step(NamedTuple):
    """A block of the tutorial, and the output that it shows next."""

    kind: str
    text: str
    shown: str


def steps() -> Iterator[Step]:
    blocks = BLOCK.findall(TUTORIAL)
    for (kind, text), (following, output) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        yield Step(kind, text, output if following == "text" else "")


def run_sql(url: str, step: Step) -> None:
    with databases.connect(url) as conn:
        if "ERROR:" not in step.shown:
            rows = conn.execute(step.text.encode())
            while rows.nextset():
                pass
            return
        with pytest.raises(psycopg.Error) as refused:
            conn.execute(step.text.encode())
    diag = refused.value.diag
    told = {"ERROR": diag.message_primary, "DETAIL": diag.message_detail, "HINT": diag.message_hint}
    assert step.shown == "".join(f"{name}:  {text}\n" for name, text in told.items() if text)


def run_commands(url: str, step: Step) -> None:
    for program, arguments, code in COMMAND.findall(step.text):
        if program == "alembic":
            verb, revision = arguments.split()
            getattr(databases, verb)(url, revision)
        else:
            done = CliRunner().invoke(app, arguments.split())
            assert done.exit_code == int(code or 0), (arguments, done.output)


def test_every_block_does_what_it_says(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database)
    databases.load(empty_database, databases.EXISTING_SCHEMA)
    kinds = []
    for step in steps():
        kinds.append(step.kind)
        if step.kind == "sql":
            run_sql(empty_database, step)
        elif step.kind == "console":
            run_commands(empty_database, step)
        elif step.kind == "python":
            ran = subprocess.run([sys.executable, "-c", step.text], cwd=databases.ROOT, capture_output=True, text=True)
            assert (ran.returncode, len(set(ran.stdout.split()))) == (0, 1), ran.stderr
    with databases.connect(empty_database) as conn:
        assert conn.execute("SELECT count(*) FROM broadcast_manager").fetchone() == (3,)
    assert kinds.count("sql") > 8
