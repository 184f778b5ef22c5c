"""Calls the database's backfill (sql/adoption/backfill_broadcasts.sql) and tells what it did."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row, scalar_row

from pyapi.queries import QUERIES


@dataclass(frozen=True)
class BackfillResult:
    """Rows: found without a broadcast row, created, skipped because others were faster, still missing."""

    found: int
    created: int
    skipped: int
    failed: int


@dataclass(frozen=True)
class ChannelBroadcast:
    """A channel pair and its broadcast_id, None where the row is missing."""

    open_channel_id: str
    closed_channel_id: str
    broadcast_id: UUID | None


def count_missing(conn: psycopg.Connection[Any], client_id: UUID | None = None) -> int:
    """How many channels, of one client or of all, have no broadcast row.

    Raises:
        psycopg.Error: the tables are not there or may not be read.
    """
    with conn.cursor(row_factory=scalar_row) as cursor:
        return int(cursor.execute(QUERIES["missing_broadcast_count"], {"client_id": client_id}).fetchone() or 0)


def channels_of_client(conn: psycopg.Connection[Any], client_id: UUID) -> list[ChannelBroadcast]:
    """The client's channel pairs with their broadcast ids.

    Raises:
        psycopg.Error: the tables are not there or may not be read.
    """
    with conn.cursor(row_factory=class_row(ChannelBroadcast)) as cursor:
        return cursor.execute(QUERIES["channel_ids_of_client"], {"client_id": client_id}).fetchall()


def backfill(
    conn: psycopg.Connection[Any],
    *,
    batch_size: int,
    client_id: UUID | None,
    spread: timedelta,
    on_notice: Callable[[psycopg.errors.Diagnostic], None],
) -> BackfillResult:
    """Create the broadcast rows that channels lack.

    Args:
        conn: in autocommit, since the procedure commits each batch; as the tables' owner.
        batch_size: rows in one transaction.
        client_id: only this client's channels, or None for all.
        spread: the new rows fall due at a random moment within this time from now.
        on_notice: called with each notice of the database; each batch sends one (pyapi.upgrade.progress reads it).

    Raises:
        psycopg.Error: a batch could not be written; the batches before it stay.
    """
    parameters = {"batch_size": batch_size, "client_id": client_id, "spread": spread}
    conn.add_notice_handler(on_notice)
    try:
        found, created = conn.execute(QUERIES["call_backfill"], parameters).fetchone() or (0, 0)
    finally:
        conn.remove_notice_handler(on_notice)
    failed = count_missing(conn, client_id)
    return BackfillResult(found, created, max(found - created - failed, 0), failed)
