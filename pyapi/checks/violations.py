"""What breaks the rule in a database right now. The query lies in sql/checks and, once upgraded, in a view, too."""

import json
from collections.abc import Collection, Generator
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import RowFactory, args_row, scalar_row

from pyapi.project_file import project_file
from pyapi.queries import QUERIES

# In its place stands the query of the file where the tables may be read.
VIEW = "broadcast.integrity_violations"

_Row = TypeVar("_Row")


class Violation(NamedTuple):
    """One finding of sql/checks/verify_broadcast_integrity.sql, with what to do about it."""

    check_name: str
    severity: str
    client_id: UUID | None
    open_channel_id: str | None
    closed_channel_id: str | None
    broadcast_id: UUID | None
    detail: str
    remedy: str


def find_violations(conn: psycopg.Connection[Any]) -> list[Violation]:
    """Everything that breaks the rule; empty when each channel has exactly one broadcast row.

    Args:
        conn: as for stream_violations().

    Raises:
        psycopg.Error: the tables are not there or may not be read.
    """
    return list(stream_violations(conn))


def stream_violations(conn: psycopg.Connection[Any], checks: Collection[str] = ()) -> Generator[Violation, None, None]:
    """Everything that breaks the rule, as it is found; nothing when each channel has exactly one broadcast row.

    The rows come by a cursor of the server's, in one transaction, which ends with the iteration. The query runs from
    its file, also where the rule is not installed; the view serves roles that may not read the tables.

    Args:
        conn: may read the two tables or, where it is there, the view broadcast.integrity_violations.
        checks: the names of the checks that are meant; empty for all.

    Raises:
        psycopg.Error: the tables are not there or may not be read.
    """
    return _stream(conn, "integrity_violations", args_row(Violation), checks)


def violation_examples(
    conn: psycopg.Connection[Any], checks: Collection[str] = (), max_count: int | None = None
) -> Generator[tuple[int, Violation], None, None]:
    """The same as stream_violations(), worst first; before each, how many findings its check has.

    Args:
        conn: as for stream_violations().
        checks: as for stream_violations().
        max_count: so many of each check at most, None for all.

    Raises:
        psycopg.Error: as for stream_violations().
    """
    return _stream(
        conn,
        "integrity_violation_examples",
        args_row(lambda count, *values: (count, Violation(*values))),
        checks,
        max_count=max_count,
    )


def violation_lines(
    conn: psycopg.Connection[Any], checks: Collection[str] = (), max_count: int | None = None
) -> Generator[str, None, None]:
    """The same, each as one line of JSON in ASCII, which any output can take.

    Args:
        conn: as for stream_violations().
        checks: as for stream_violations().
        max_count: so many of each check at most, None for all; these come as they are found.

    Raises:
        psycopg.Error: as for stream_violations().
    """
    if max_count is None:
        for line in _stream(conn, "integrity_violation_lines", scalar_row, checks):
            yield line if line.isascii() else json.dumps(json.loads(line))
    else:
        for _, violation in violation_examples(conn, checks, max_count):
            yield json.dumps(violation._asdict(), default=str)


def _stream(
    conn: psycopg.Connection[Any],
    query_name: str,
    row_factory: RowFactory[_Row],
    checks: Collection[str],
    **parameters: object,
) -> Generator[_Row, None, None]:
    row = conn.execute(QUERIES["must_read_integrity_view"]).fetchone()
    query = QUERIES[query_name]
    if not (row and row[0]):
        query = query.replace(VIEW, f"({_check_file().rstrip().removesuffix(';')})".replace("%", "%%"))
    with conn.transaction(), conn.cursor("violations", row_factory=row_factory) as cursor:
        conn.execute(QUERIES["without_jit"])
        cursor.itersize = 1000
        yield from cursor.execute(query.encode(), {"checks": list(checks) or None, **parameters})


def is_check(name: str) -> bool:
    """Whether there is a check of this name."""
    return f"'{name}'" in _check_file()


def _check_file() -> str:
    return project_file("sql/checks/verify_broadcast_integrity.sql").read_text(encoding="utf-8")
