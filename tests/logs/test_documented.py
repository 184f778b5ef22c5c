"""docs/logs.md lists each event that the code logs with each of its fields, and no other."""

import ast
import dataclasses
import re
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from pyapi.checks.backfill import BackfillResult
from tests.logs.documented import EVERY_LINE, Event, documented_events
from tools.databases import ROOT

EVENT = re.compile(r"[a-z_]+\.[a-z_]+")
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
FAILURES = {"channel.failed", "broadcast.failed"}
# What is spread into a line by two stars, where no dict's text tells the fields.
SPREAD = {
    "pair": {"open_channel_id", "closed_channel_id"},
    "vars(result)": {field.name for field in dataclasses.fields(BackfillResult)},
}
# An upgrade passes on what the database says.
PASSED_ON = "log.info('%s', diagnostic.message_primary)"

Function = ast.FunctionDef | ast.AsyncFunctionDef
Variables = dict[str, ast.expr]
# A place that logs, the events that it may log, and their fields.
Logged = tuple[str, set[str], set[str]]


def calls(node: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    return ((ast.unparse(call.func), call) for call in ast.walk(node) if isinstance(call, ast.Call))


def assigned(node: ast.AST) -> Variables:
    return {
        name.id: one.value
        for one in ast.walk(node)
        if isinstance(one, ast.Assign)
        for target in one.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    }


def events_in(node: ast.expr, variables: Variables) -> set[str]:
    """Each event's name in an expression, and in what its variables hold."""
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and EVENT.fullmatch(part.value):
            found.add(part.value)
        elif isinstance(part, ast.Name) and part.id in variables:
            rest = {name: value for name, value in variables.items() if name != part.id}
            found |= events_in(variables[part.id], rest)
    return found


def names(given: Iterable[tuple[str | None, ast.expr]], variables: Variables) -> set[str]:
    """The names of keywords or of a dict's keys; one without a name is spread by two stars."""
    found: set[str] = set()
    for name, value in given:
        inner = variables.get(ast.unparse(value), value)
        if name:
            found.add(name)
        elif isinstance(inner, ast.Dict):
            found |= names(pairs(inner), variables)
        else:
            found |= SPREAD[ast.unparse(inner)]
    return found


def pairs(literal: ast.Dict) -> list[tuple[str | None, ast.expr]]:
    return [
        (ast.literal_eval(key) if key else None, value) for key, value in zip(literal.keys, literal.values, strict=True)
    ]


def keywords(call: ast.Call, variables: Variables) -> set[str]:
    return names([(word.arg, word.value) for word in call.keywords], variables)


def logged_in(module: ast.Module) -> Iterator[Logged]:
    """Every place of a module that logs.

    A logger with fields bound to it is called ``about``, as is the function that makes one for several others; a
    function that is given the name of an event calls it ``event``. What a module binds to the context stands in all its
    lines.
    """
    functions = {node.name: node for node in ast.walk(module) if isinstance(node, Function)}
    context: set[str] = set()
    for name, call in calls(module):
        if name == "bind_contextvars":
            context |= keywords(call, {})

    def bound(function: ast.AST) -> set[str]:
        found: set[str] = set()
        for name, call in calls(function):
            if name.endswith(".bind"):
                found |= keywords(call, {})
            elif name == "_about":
                found |= bound(functions[name])
        return found

    for function in functions.values():
        variables = assigned(module) | assigned(function)
        if "event" in {argument.arg for argument in function.args.args}:
            variables["event"] = ast.List([call.args[0] for name, call in calls(module) if name == function.name])
        for name, call in calls(function):
            logger, _, method = name.rpartition(".")
            if name == "failures_logged":
                yield name, FAILURES, bound(function)
            elif name == "retry_logged":
                told = {"reason", "code", "attempt"} | keywords(call, variables) | context
                yield name, events_in(call.args[0], variables), told
            elif logger in {"log", "about"} and method in METHODS and ast.unparse(call) != PASSED_ON:
                told = keywords(call, variables) | (bound(function) if logger == "about" else set())
                if told != {"extra"}:
                    events = set().union(*(events_in(argument, variables) for argument in call.args[:2]))
                    yield ast.unparse(call), events, told | context
        # What is told beside a sentence.
        for node in ast.walk(function):
            if isinstance(node, ast.Dict) and node.keys and ast.unparse(node.keys[0] or node) == "'event'":
                yield ast.unparse(node), events_in(node.values[0], {}), names(pairs(node), variables) - {"event"}


@cache
def logged() -> list[Logged]:
    files = [*(ROOT / "pyapi").rglob("*.py"), ROOT / "demo" / "embedded.py"]
    return [one for path in files for one in logged_in(ast.parse(path.read_text()))]


def test_each_log_call_names_its_event() -> None:
    # A sentence with values in it can be neither listed nor searched for.
    assert [place for place, events, _ in logged() if not events] == []


def test_each_event_of_the_code_is_listed_and_each_listed_one_is_in_the_code() -> None:
    assert sorted(set().union(*(events for _, events, _ in logged()))) == sorted(documented_events())


def test_queries_of_the_page_ask_for_listed_events() -> None:
    asked = re.findall(r'\.event == "([^"]+)"', (ROOT / "docs" / "logs.md").read_text(encoding="utf-8"))
    assert asked
    assert set(asked) <= documented_events().keys()


@pytest.mark.parametrize("event", documented_events().values(), ids=lambda event: event.name)
def test_each_field_of_an_event_is_listed_and_each_listed_one_is_in_the_code(event: Event) -> None:
    given = set().union(*(fields for _, events, fields in logged() if event.name in events))
    assert sorted(given - EVERY_LINE) == sorted(event.fields)
