"""The examples of docs/reference/python.md work as they stand, and the page says what to do about each exception."""

import runpy
from collections.abc import Iterator
from uuid import UUID

import pytest

from pyapi import errors
from pyapi.checks.violations import find_violations
from tools import databases
from tools.reference.python import EXAMPLES, REMEDIES

PRINTED = {"handle_errors": "first: registered\nsecond: somebody has registered this pair\n"}


def kinds(parent: type[errors.RuleError] = errors.RuleError) -> Iterator[type[errors.RuleError]]:
    for kind in parent.__subclasses__():
        yield from kinds(kind) if kind.__subclasses__() else [kind]


@pytest.mark.parametrize("name", sorted(file.stem for file in EXAMPLES.glob("*.py") if file.stem != "channel"))
def test_example_registers_its_channel_and_commits(
    name: str, database: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with databases.connect(database) as conn:
        monkeypatch.setenv("DATABASE_URL", database)
        monkeypatch.setenv("CLIENT_ID", str(databases.add_user(conn)))
        monkeypatch.syspath_prepend(EXAMPLES)
        runpy.run_path(str(EXAMPLES / f"{name}.py"))
        printed = capsys.readouterr().out
        [row] = conn.execute("SELECT id FROM broadcast_manager").fetchall()
        assert printed == PRINTED[name] if name in PRINTED else UUID(printed.strip()) == row[0]
        assert find_violations(conn) == []


def test_page_says_what_to_do_about_each_exception() -> None:
    assert set(REMEDIES) == set(kinds())
