"""The named queries of queries.sql: the one place where Python finds its SQL."""

import re
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlalchemy

_NAME = re.compile(r"^-- name:(.*)$", re.MULTILINE)
_PARAMETER = re.compile(r"%\((\w+)\)s")


def parse_queries(text: str) -> dict[str, str]:
    """Split a file of named queries into name → SQL, without comments and the closing semicolon.

    A query begins at a line ``-- name: some_name`` and ends at the next one; lines that begin with
    ``--`` are comments.

    Raises:
        ValueError: a name is empty, no identifier, or used twice; a query is empty; or there is SQL
            before the first name.
    """
    head, *parts = _NAME.split(text)
    if _statement(head):
        raise ValueError("SQL before the first '-- name:' line")
    queries: dict[str, str] = {}
    for name, body in zip(map(str.strip, parts[::2]), parts[1::2], strict=True):
        if not name.isidentifier():
            raise ValueError(f"not a name for a query: {name!r}")
        if name in queries:
            raise ValueError(f"two queries are named {name}")
        queries[name] = _statement(body)
        if not queries[name]:
            raise ValueError(f"query {name} is empty")
    return queries


def _statement(text: str) -> str:
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return "\n".join(lines).strip().removesuffix(";").rstrip()


QUERIES = parse_queries(files("pyapi").joinpath("queries.sql").read_text(encoding="utf-8"))


def sqlalchemy_query(name: str) -> "sqlalchemy.TextClause":
    """The named query for SQLAlchemy, its ``%(x)s`` parameters written ``:x``.

    Raises:
        KeyError: there is no query of this name.
    """
    from sqlalchemy import text

    return text(_PARAMETER.sub(r":\1", QUERIES[name]))
