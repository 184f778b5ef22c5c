"""The pages of docs/reference/ that are written from the sources, by their file names."""

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg

from tools.reference import command_line, errors, http, python, settings, sql_objects
from tools.reference.markdown import wrapped


def _written(page: Callable[[psycopg.Connection[Any]], str], conn: psycopg.Connection[Any]) -> str:
    return wrapped(page(conn))


_PAGES: dict[str, Callable[[psycopg.Connection[Any]], str]] = {
    "sql.md": sql_objects.page,
    "http.md": lambda _: http.page(),
    "cli.md": lambda _: command_line.page(),
    "settings.md": lambda _: settings.page(),
    "errors.md": lambda _: errors.page(),
    "python.md": lambda _: python.page(),
}
PAGES = {name: partial(_written, page) for name, page in _PAGES.items()}
