"""The pages of docs/reference/ that are written from the sources, by their file names."""

from collections.abc import Callable
from typing import Any

import psycopg

from tools.reference import command_line, errors, http, settings, sql_objects

PAGES: dict[str, Callable[[psycopg.Connection[Any]], str]] = {
    "sql.md": sql_objects.page,
    "http.md": lambda _: http.page(),
    "cli.md": lambda _: command_line.page(),
    "settings.md": lambda _: settings.page(),
    "errors.md": lambda _: errors.page(),
}
