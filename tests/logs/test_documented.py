"""docs/logs.md lists each event that the code logs, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.databases import ROOT
from tests.logs.documented import documented_events

EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
LOGGERS = {"log", "about"}
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def logged_in(module: ast.Module) -> Iterator[str]:
    """Each text that may be an event's name: the first arguments of log calls, and what is named like them."""
    assigned: dict[str, ast.AST] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        assigned[name.id] = node.value
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        is_log = (
            isinstance(function, ast.Attribute)
            and function.attr in METHODS
            and isinstance(function.value, ast.Name)
            and function.value.id in LOGGERS
        )
        if is_log or (isinstance(function, ast.Name) and function.id == "_told"):
            yield from texts(node.args[:2], assigned)


def texts(nodes: list[ast.expr], assigned: dict[str, ast.AST], depth: int = 0) -> Iterator[str]:
    for top in nodes:
        for node in ast.walk(top):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.Name) and node.id in assigned and depth < 3:
                value = assigned[node.id]
                assert isinstance(value, ast.expr)
                yield from texts([value], assigned, depth + 1)


def events_of_the_code() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "pyapi").rglob("*.py"):
        found.update(text for text in logged_in(ast.parse(path.read_text())) if EVENT.fullmatch(text))
    return found


def test_each_event_of_the_code_is_listed_and_each_listed_one_is_in_the_code() -> None:
    assert sorted(events_of_the_code()) == sorted(documented_events())


def test_log_calls_begin_with_an_events_name() -> None:
    # A sentence with values in it can be neither listed nor searched for.
    for path in Path(ROOT / "pyapi").rglob("*.py"):
        text = path.read_text()
        if "structlog" in text:
            first = re.findall(r"\b(?:log|about)\.(?:info|warning|error)\(\s*f?\"([^\"]*)\"", text)
            assert [event for event in first if not EVENT.fullmatch(event)] == [], path.name
