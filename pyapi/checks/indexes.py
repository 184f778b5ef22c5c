"""Indexes of the platform's tables that the rule's own keys have made redundant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row

from pyapi.queries import QUERIES


@dataclass(frozen=True)
class RedundantIndex:
    """An index that could go.

    Args:
        name: of the index, quoted where it must be.
        table_name: of its table, likewise.
        size: on disk, as PostgreSQL shows it.
        scans: how often a statement has used it since then, on this server; replicas count for themselves.
        since: from when on scans are counted.
        reason: what makes it redundant.
        drop_statement: drops it without holding up anybody.
        make_statement: makes it again in the same way.
    """

    name: str
    table_name: str
    size: str
    scans: int
    since: datetime
    reason: str
    drop_statement: str
    make_statement: str


def redundant_indexes(conn: psycopg.Connection[Any]) -> list[RedundantIndex]:
    """Find indexes that no key and no statement of ours needs: a wider one begins alike, or nobody asks for the column.

    Raises:
        psycopg.Error: the database does not answer.
    """
    with conn.cursor(row_factory=class_row(RedundantIndex)) as cursor:
        return cursor.execute(QUERIES["redundant_indexes"]).fetchall()
