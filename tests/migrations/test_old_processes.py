"""Processes of the last release run beside a database of this one: their queries still mean something to it."""

import re
import subprocess
from functools import partial

import psycopg

from pyapi.project_file import project_file
from pyapi.queries import parse_queries
from tools import databases
from tools.revision import last_release

_PARAMETER = re.compile(r"%\((\w+)\)s")


def queries_of_last_release() -> dict[str, str]:
    """Those of the tag; of this work tree where nothing is released yet."""
    if (tag := last_release(databases.ROOT)) is None:
        return parse_queries(project_file("pyapi/queries.sql").read_text())
    shown = subprocess.run(
        ["git", "show", f"{tag}:pyapi/queries.sql"], cwd=databases.ROOT, capture_output=True, text=True, check=True
    )
    return parse_queries(shown.stdout)


def _numbered(numbers: dict[str, int], parameter: re.Match[str]) -> str:
    return f"${numbers.setdefault(parameter[1], len(numbers) + 1)}"


def test_queries_of_the_last_release_are_prepared_by_the_new_head(database: str) -> None:
    refused = {}
    with databases.connect(database) as conn:
        conn.execute("ALTER TABLE main_clients_database ADD COLUMN added_later text")
        conn.execute("ALTER TABLE broadcast_manager ADD COLUMN added_later text")
        for name, text in queries_of_last_release().items():
            # What PREPARE does not take.
            if text.startswith(("LISTEN", "CALL")):
                continue
            numbers: dict[str, int] = {}
            query = _PARAMETER.sub(partial(_numbered, numbers), text)
            try:
                conn.execute(f"PREPARE {name} AS {query.replace('%%', '%')}".encode())
            except psycopg.Error as error:
                refused[name] = error.diag.message_primary
    assert refused == {}
