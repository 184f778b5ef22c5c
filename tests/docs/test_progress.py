"""PROGRESS.md and BUGS.md name tests, commands and files that are there, and leave no task out."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import typer.main
from alembic.config import CommandLine

from pyapi.cli import app

ROOT = Path(__file__).resolve().parents[2]
PROGRESS = (ROOT / "docs" / "PROGRESS.md").read_text(encoding="utf-8")
BUGS = (ROOT / "docs" / "BUGS.md").read_text(encoding="utf-8")

# The tracker's tasks, and how many criteria each had; a task without any has one line of its own.
TASKS = {
    "1.1": 6, "1.2": 5, "1.3": 5,
    "2.1": 6, "2.2": 3,
    "3.1": 5, "3.2": 4, "3.3": 4,
    "4.1": 4, "4.2": 5, "4.3": 3, "4.4": 4,
    "5.1": 1, "5.2": 1, "5.3": 1, "5.4": 1, "5.5": 1,
    "6.1": 1, "6.2": 1,
}  # fmt: skip
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def criteria(task: str) -> list[list[str]]:
    """The lines of a task's table: number, criterion, how, shown by."""
    section = re.search(rf"^### Task {re.escape(task)} .*?(?=^##|\Z)", PROGRESS, re.MULTILINE | re.DOTALL)
    lines = section[0].splitlines() if section else []
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| \d", line)]


@cache
def names_of_tests(file: str) -> set[str]:
    path = ROOT / file
    if not path.is_file():
        return set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in functions if name.startswith("test_")}


def missing_tests(text: str) -> list[str]:
    return [f"{file}::{name}" for file, name in NODE.findall(text) if name not in names_of_tests(file)]


def is_alembic_command(arguments: list[str]) -> bool:
    try:
        CommandLine().parser.parse_args(arguments)
    except SystemExit:
        return False
    return True


def is_there(shown: str) -> bool:
    """Whether a test, make target, command or file of the project is there."""
    command, _, argument = shown.partition(" ")
    if "::" in shown:
        return missing_tests(f"`{shown}`") == []
    if command == "make":
        return re.search(rf"^{re.escape(argument)}:", (ROOT / "Makefile").read_text(), re.MULTILINE) is not None
    if command == "broadcast-manager":
        return argument in getattr(typer.main.get_command(app), "commands", {})
    if command == "alembic":
        return is_alembic_command(argument.split())
    return (ROOT / shown).is_file()


@pytest.mark.parametrize(("task", "count"), TASKS.items())
def test_every_criterion_has_a_line(task: str, count: int) -> None:
    assert [line[0] for line in criteria(task)] == [str(number) for number in range(1, count + 1)]
    assert PROGRESS.count(f"### Task {task} ") == 1


def test_no_task_is_there_that_nobody_gave() -> None:
    assert re.findall(r"^### Task (\S+)", PROGRESS, re.MULTILINE) == list(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_what_shows_a_criterion_is_there(task: str) -> None:
    for number, criterion, _, shown_by in criteria(task):
        shown = re.findall(r"`([^`]+)`", shown_by)
        assert shown, f"{task}, {number}: nothing shows {criterion!r}"
        assert [one for one in shown if not is_there(one)] == [], f"{task}, {number}: {criterion}"


def test_what_holds_a_fault_down_is_there() -> None:
    assert missing_tests(BUGS) == []


def test_every_fault_found_has_a_test_that_holds_it_down() -> None:
    found = BUGS.partition("## Found since")[2].partition("\n## Not explained")[0]
    assert [f.partition("\n")[0] for f in found.split("\n### ")[1:] if not NODE.search(f)] == []


@pytest.mark.parametrize(
    "gone",
    [
        "tests/test_demo.py::test_that_was_never_there",
        "tests/test_gone.py::test_story_is_told_and_database_is_given_back_empty",
        "tests/test_demo.py::run_demo",
        "make tea",
        "alembic guess",
        "alembic upgrade",
        "broadcast-manager guess",
        "docs/gone.md",
    ],
)
def test_what_is_gone_is_noticed(gone: str) -> None:
    assert not is_there(gone)
