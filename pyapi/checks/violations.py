"""What breaks the rule in a database right now. The query lies in sql/checks and, once upgraded, in a view, too."""

from collections.abc import Collection, Generator
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import args_row

from pyapi.project_file import project_file
from pyapi.queries import QUERIES


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
    row = conn.execute(QUERIES["must_read_integrity_view"]).fetchone()
    query = QUERIES["integrity_violations"].encode() if row and row[0] else _check_file()
    with conn.transaction(), conn.cursor("violations", row_factory=args_row(Violation)) as cursor:
        cursor.itersize = 1000
        for violation in cursor.execute(query):
            if not checks or violation.check_name in checks:
                yield violation


def is_check(name: str) -> bool:
    """Whether there is a check of this name."""
    return f"'{name}'".encode() in _check_file()


def _check_file() -> bytes:
    return project_file("sql/checks/verify_broadcast_integrity.sql").read_bytes()
