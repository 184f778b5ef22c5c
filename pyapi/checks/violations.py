"""What breaks the rule in a database right now. The query lies in sql/checks and, once upgraded, in a view."""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from pyapi.project_file import project_file
from pyapi.queries import QUERIES


@dataclass(frozen=True)
class Violation:
    """One finding of sql/checks/verify_broadcast_integrity.sql, with what to do about it."""

    check_name: str
    severity: str
    client_id: UUID | None
    open_channel_id: str | None
    closed_channel_id: str | None
    broadcast_id: UUID | None
    detail: str
    remedy: str

    def as_json(self) -> dict[str, Any]:
        """The finding with its ids as strings."""
        return {k: str(v) if isinstance(v, UUID) else v for k, v in asdict(self).items()}


def find_violations(conn: psycopg.Connection[Any]) -> list[Violation]:
    """Everything that breaks the rule, worst first; empty when each channel has exactly one broadcast row.

    Works on a database that was not upgraded yet, too: there the query runs from its file.

    Args:
        conn: may read the two tables and, where it is there, the view broadcast.integrity_violations.

    Raises:
        psycopg.Error: the tables are not there or may not be read.
    """
    with conn.cursor(row_factory=class_row(Violation)) as cursor:
        if conn.execute(QUERIES["has_integrity_view"]).fetchone() is not None:
            return cursor.execute(QUERIES["integrity_violations"]).fetchall()
        check = project_file("sql/checks/verify_broadcast_integrity.sql").read_bytes()
        return sorted(
            cursor.execute(check).fetchall(),
            key=lambda v: (v.severity, v.check_name, str(v.client_id), v.open_channel_id or ""),
        )
