"""The operators' page: the queue, the states, integrity, drift and recent failures, each within a time of its own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

import psycopg
from fastapi import APIRouter, Request, Response
from psycopg import AsyncConnection
from psycopg.rows import class_row

from pyapi.checks.drift import Drift, Fact, find_drift, fingerprint_query
from pyapi.checks.health import Health, parse_health
from pyapi.checks.trial import Step
from pyapi.checks.violations import Violation
from pyapi.errors import typed_errors
from pyapi.pool import Pool, connection
from pyapi.queries import QUERIES
from pyapi.web.dashboard.sessions import Operator, OwnForm
from pyapi.web.dashboard.state import pool_of
from pyapi.web.dashboard.view import named_state, page

router = APIRouter(include_in_schema=False)

_PATIENCE_SECONDS = 3
_MOST_ROWS = 50

T = TypeVar("T")


@dataclass(frozen=True)
class Part(Generic[T]):
    """What one part of the page shows, or the sentence that says why it cannot."""

    value: T | None
    problem: str | None = None


@dataclass(frozen=True)
class StateCount:
    """How many broadcasts are in a state of broadcast_state()."""

    state: str
    count: int

    @property
    def label(self) -> str:
        """The state in words."""
        return named_state(self.state).label

    @property
    def kind(self) -> str:
        """The style sheet's class."""
        return named_state(self.state).kind


@dataclass(frozen=True)
class BroadcastFailure:
    """A broadcast whose last send failed."""

    broadcast_id: UUID
    username: str | None
    open_channel_id: str
    open_channel_title: str | None
    consecutive_failures: int
    last_error_message: str | None
    last_error_time: datetime | None


@dataclass(frozen=True)
class Violations:
    """What breaks the rule: the first rows, and how many there are."""

    rows: list[Violation]
    total: int


@router.get("/operator")
async def show_operator_page(request: Request, session: Operator) -> Response:
    """How the whole of it stands."""
    pool = pool_of(request)
    asking = {"operator_id": session.user.user_id, "max_count": _MOST_ROWS}
    return page(
        request,
        "operator.html",
        here="operator",
        now=datetime.now(UTC),
        health=await _part(pool, _health),
        states=await _part(pool, _states),
        integrity=await _part(pool, partial(_violations, asking=asking)),
        drift=await _part(pool, _drift),
        failures=await _part(pool, partial(_failures, asking=asking)),
    )


@router.get("/operator/health")
async def show_health(request: Request, session: Operator) -> Response:
    """Whether it is well, alone, for the script."""
    del session
    return page(request, "_health.html", health=await _part(pool_of(request), _health))


@router.post("/operator/try")
async def try_rule(request: Request, session: Operator, form: OwnForm) -> Response:
    """Try the rule, take it back, and show each step."""
    del form
    read = partial(_trial, operator_id=session.user.user_id)
    return page(request, "try.html", here="operator", trial=await _part(pool_of(request), read))


async def _part(pool: Pool, read: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> Part[T]:
    try:
        with typed_errors():
            async with connection(pool) as conn, conn.transaction():
                await conn.execute(QUERIES["limit_statements"], {"milliseconds": str(1000 * _PATIENCE_SECONDS)})
                return Part(await read(conn))
    except psycopg.errors.QueryCanceled:
        return Part(
            None,
            f"This takes longer than {_PATIENCE_SECONDS} s here. On the command line: broadcast-manager verify.",
        )
    except psycopg.errors.InsufficientPrivilege:
        return Part(None, "The application's role may not read this: broadcast-manager upgrade gives it the right.")


async def _health(conn: AsyncConnection[Any]) -> Health:
    row = await (await conn.execute(QUERIES["health"])).fetchone()
    return parse_health(row[0] if row else "")


async def _trial(conn: AsyncConnection[Any], operator_id: UUID) -> list[Step]:
    async with conn.cursor(row_factory=class_row(Step)) as cursor:
        await cursor.execute(QUERIES["operator_tries_rule"], {"operator_id": operator_id})
        return await cursor.fetchall()


async def _states(conn: AsyncConnection[Any]) -> list[StateCount]:
    async with conn.cursor(row_factory=class_row(StateCount)) as cursor:
        await cursor.execute(QUERIES["broadcasts_by_state"])
        return await cursor.fetchall()


async def _failures(conn: AsyncConnection[Any], asking: dict[str, Any]) -> list[BroadcastFailure]:
    async with conn.cursor(row_factory=class_row(BroadcastFailure)) as cursor:
        await cursor.execute(QUERIES["recent_failures"], asking)
        return await cursor.fetchall()


async def _violations(conn: AsyncConnection[Any], asking: dict[str, Any]) -> Violations:
    async with conn.cursor(row_factory=class_row(Violation)) as cursor:
        await cursor.execute(QUERIES["first_integrity_violations"], asking)
        rows = await cursor.fetchall()
    if len(rows) < _MOST_ROWS:
        return Violations(rows, len(rows))
    count = await (await conn.execute(QUERIES["integrity_violation_count"])).fetchone()
    return Violations(rows, int(count[0]) if count else len(rows))


async def _drift(conn: AsyncConnection[Any]) -> list[Drift]:
    async with conn.cursor(row_factory=class_row(Fact)) as cursor:
        await cursor.execute(fingerprint_query())
        return find_drift(await cursor.fetchall())
