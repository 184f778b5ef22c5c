"""One delivery of a broadcast: the earlier messages are deleted, then its two parts are sent (docs/delivery.md).

What is to be sent, when, and what follows from how it went is decided by the functions of sql/functions/.
Each part is noted before it is sent and after; between the two there is exactly one request.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar, get_args
from uuid import UUID

import psycopg
import structlog
from psycopg.rows import class_row, tuple_row
from structlog.contextvars import bind_contextvars
from telegram import Bot
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from pyapi.channels.messages import Part, broadcast_messages
from pyapi.logs import milliseconds_since
from pyapi.metrics import CLAIMS, CLAIMS_ENDED, PART_SECONDS
from pyapi.pool import Pool, connection, make_pool
from pyapi.queries import QUERIES
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram import delete_message, send_message, telegram_bot
from pyapi.worker.telegram_errors import (
    CLAIM_LOST,
    MESSAGE_GONE,
    MESSAGE_KEPT,
    NETWORK,
    NO_ANSWER,
    NOT_DELETED,
    RATE_LIMITED,
    STOPPED,
    UNAUTHORIZED,
    UNEXPECTED,
    Refusal,
)

# The database is away or about to go; the same statement may go well in a moment.
DATABASE_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, OSError)
# After these nothing else is sent for now; finish_broadcast() does not count them.
_ENDING = (RATE_LIMITED, NETWORK, UNAUTHORIZED, STOPPED, CLAIM_LOST)
# Who waited longer than this many seconds asks whether the claim still stands.
_TRUSTED_SECONDS = 1.0
_LONGEST_PAUSE = 5

# How a claim can end, by finish_broadcast(): who is told, and of what.
_ENDED = {
    "sent": (logging.INFO, "broadcast.sent"),
    "released": (logging.INFO, "broadcast.released"),
    "channel_gone": (logging.INFO, "broadcast.channel_gone"),
    "unknown": (logging.WARNING, "broadcast.unknown"),
    "failed": (logging.WARNING, "broadcast.failed"),
    "switched_off": (logging.WARNING, "broadcast.switched_off"),
    "lost": (logging.WARNING, "broadcast.lost"),
}

log = structlog.get_logger()
_T = TypeVar("_T")


@dataclass(frozen=True)
class Claim:
    """A broadcast that this process, and no other, may send now."""

    delivery_id: int
    broadcast_id: UUID
    client_id: UUID
    worker: str


@dataclass(frozen=True)
class Delivered:
    """How a claim ended.

    Args:
        broadcast_id: of which broadcast.
        outcome: sent, unknown, failed, switched_off, released, channel_gone or lost, by finish_broadcast().
        error: the last thing that went wrong, as a sentence; None where nothing did.
    """

    broadcast_id: UUID
    outcome: str
    error: str | None


@dataclass(frozen=True)
class IntendedPart:
    """A row of intend_part(): the channel as it is now, and when to send; wait_seconds by the database's clock."""

    attempt: int
    send_at: Any
    chat_id: str
    open_channel_id: str
    open_channel_title: str | None
    open_channel_description: str | None
    closed_channel_id: str
    closed_channel_title: str | None
    closed_channel_description: str | None
    closed_channel_donation_message: str
    sub_1_price: Decimal
    sub_1_time: int
    sub_2_price: Decimal | None
    sub_2_time: int | None
    sub_3_price: Decimal | None
    sub_3_time: int | None
    wait_seconds: float
    lease_seconds: float


@dataclass
class Office:
    """What deliveries of one process share.

    Args:
        pool: connections to the database.
        bot: who sends.
        settings: of this process.
        bot_username: for links that start the bot.
        stopping: set once nothing new may begin.
        unreachable: Telegram could not be reached, and nobody has asked again yet.
        token_refused: Telegram does not accept the token; stopping is set as well.
        under_way: the time limits of the requests that are being sent.
    """

    pool: Pool
    bot: Bot
    settings: WorkerSettings
    bot_username: str = ""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    unreachable: bool = False
    token_refused: bool = False
    under_way: set[asyncio.Timeout] = field(default_factory=set)

    async def pause(self, seconds: float) -> None:
        """Sleep so long, or until it is time to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def hurry(self, seconds: float) -> None:
        """Begin nothing new; what is being sent may take so many seconds more."""
        self.stopping.set()
        by = asyncio.get_running_loop().time() + seconds
        for limit in self.under_way:
            if limit.expired():
                continue
            limit.reschedule(min(limit.when() or by, by))


@asynccontextmanager
async def open_office(settings: WorkerSettings) -> AsyncIterator[Office]:
    """Connections and bot; whether or not the database and Telegram answer."""
    pool = make_pool(settings.database_url, "worker", max_size=settings.worker_concurrency + 1, timeout=3)
    async with pool, telegram_bot(settings) as bot:
        yield Office(pool, bot, settings)


async def claim_due(office: Office, worker: str, count: int) -> list[Claim]:
    """Take so many due broadcasts, at most.

    Args:
        office: of this process.
        worker: a name that was never used before, so that a claim that was lost is not taken for a new one.
        count: at most.

    Raises:
        psycopg.Error: the database did not answer; what was claimed all the same comes back with its lease.
    """
    async with connection(office.pool) as conn, conn.cursor(row_factory=class_row(Claim)) as cursor:
        await cursor.execute(QUERIES["claim_due_broadcasts"], {"worker": worker, "count": count})
        claims = await cursor.fetchall()
    CLAIMS.inc(len(claims))
    return claims


async def call(office: Office, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run a named query once.

    Raises:
        psycopg.Error: the database did not answer.
    """
    async with connection(office.pool) as conn, conn.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(QUERIES[query], parameters)
        return await cursor.fetchall()


async def deliver(office: Office, claim: Claim) -> Delivered:
    """Send what is to be sent of a claimed broadcast and end the claim, however long the database is away.

    Run it in a task of its own: whatever that logs from now on tells of which delivery it is.

    Raises:
        psycopg.Error: the database refused for another reason than being away; the lease ends the claim.
    """
    began = time.monotonic()
    bind_contextvars(
        delivery_id=claim.delivery_id, broadcast_id=str(claim.broadcast_id), client_id=str(claim.client_id)
    )
    log.info("broadcast.claimed", worker=claim.worker)
    last: Refusal | None = None
    error: str | None = None
    try:
        hindrance = await _delete_earlier(office, claim)
        for part in get_args(Part):
            refused = await _send_part(office, claim, part, hindrance)
            last = refused or last
            error = refused.sentence(part) if refused else error
            if refused and (hindrance or refused.kind in _ENDING):
                break
    except DATABASE_AWAY as away:
        # A part that may have been noted as intended becomes unknown by finish_broadcast().
        error = "The database was away."
        log.warning("delivery.interrupted", reason=type(away).__name__)
    # What is not Telegram's does not get better by asking on: the bot asks who it is first.
    if last and last.kind in (NETWORK, UNEXPECTED):
        office.unreachable = True
    if last and last.kind is UNAUTHORIZED:
        office.token_refused = True
        office.stopping.set()
    rows = await _insist(office, "finish_broadcast", delivery_id=claim.delivery_id, worker=claim.worker)
    outcome = str(rows[0][0])
    CLAIMS_ENDED.labels(outcome).inc()
    level, event = _ENDED[outcome]
    code = last.kind.code if last else None
    log.log(level, event, action="deliver", code=code, duration_ms=milliseconds_since(began))
    return Delivered(claim.broadcast_id, outcome, error)


async def _delete_earlier(office: Office, claim: Claim) -> Refusal | None:
    """Delete the earlier pair; why the delivery can not go on, where it can't."""
    for chat_id, message_id in await call(office, "messages_to_delete", delivery_id=claim.delivery_id):
        if office.stopping.is_set():
            return Refusal(STOPPED)
        refused = await _in_time(
            office, office.settings.worker_send_timeout, delete_message(office.bot, chat_id, message_id)
        )
        about = log.bind(chat_id=chat_id, message_id=message_id)
        if refused is None or refused.kind in (MESSAGE_GONE, MESSAGE_KEPT):
            await call(office, "record_message_deleted", chat_id=chat_id, message_id=message_id)
            about.info("message.deleted", code=refused.kind.code if refused else None)
        elif refused.kind in _ENDING or refused.kind.state == "unknown":
            about.warning("message.not_deleted", code=refused.kind.code)
            return refused if refused.kind in _ENDING else Refusal(NOT_DELETED, description=refused.description)
        else:
            # The bot is out of that chat, say: the new messages do not wait for it.
            about.warning("message.not_deleted", code=refused.kind.code)
    return None


async def _send_part(office: Office, claim: Claim, part: Part, hindrance: Refusal | None) -> Refusal | None:
    """Send a part once and note what became of it; None when it was sent, or was not to be."""
    if office.stopping.is_set():
        return Refusal(STOPPED)
    began, noted_at = time.monotonic(), _awake_or_not()
    intended = await _intend(office, claim, part)
    if intended is None:
        return None
    result = hindrance or await _wait_and_send(office, claim, part, intended, noted_at)
    about = log.bind(
        part=part,
        open_channel_id=intended.open_channel_id,
        closed_channel_id=intended.closed_channel_id,
        chat_id=intended.chat_id,
        duration_ms=milliseconds_since(began),
    )
    refused = result if isinstance(result, Refusal) else None
    outcome = refused.kind.state if refused else "sent"
    if refused is None:
        about.info("part.sent", message_id=result)
    else:
        event = "part.unknown" if outcome == "unknown" else "part.failed"
        about.warning(event, code=refused.kind.code, description=refused.description)
    await _insist(
        office,
        "record_part",
        delivery_id=claim.delivery_id,
        part=part,
        attempt=intended.attempt,
        outcome=outcome,
        message_id=None if refused else result,
        error_code=refused.kind.code if refused else None,
        error_message=refused.sentence(part) if refused else None,
        retry_after=refused.retry_after if refused else None,
    )
    return refused


async def _intend(office: Office, claim: Claim, part: Part) -> IntendedPart | None:
    async with connection(office.pool) as conn, conn.cursor(row_factory=class_row(IntendedPart)) as cursor:
        await cursor.execute(
            QUERIES["intend_part"], {"delivery_id": claim.delivery_id, "worker": claim.worker, "part": part}
        )
        return await cursor.fetchone()


async def _wait_and_send(
    office: Office, claim: Claim, part: Part, intended: IntendedPart, noted_at: float
) -> int | Refusal:
    seconds = min(office.settings.worker_send_timeout, intended.lease_seconds / 4)
    if intended.wait_seconds > 0:
        await office.pause(intended.wait_seconds)
    if _awake_or_not() - noted_at > _TRUSTED_SECONDS:
        # This process or its machine may have slept, and others have taken over.
        still = await _insist(
            office, "is_still_claimed", delivery_id=claim.delivery_id, worker=claim.worker, seconds=seconds
        )
        if not still:
            return Refusal(CLAIM_LOST)
    if office.stopping.is_set():
        return Refusal(STOPPED)
    message = next(m for m in broadcast_messages(intended) if m.to == part)
    sending = send_message(office.bot, intended.chat_id, message, office.bot_username)
    asked = time.monotonic()
    result = await _in_time(office, seconds, sending)
    outcome = result.kind.state if isinstance(result, Refusal) else "sent"
    PART_SECONDS.labels(part, outcome).observe(time.monotonic() - asked)
    return result


def _awake_or_not() -> float:
    """Seconds that go on while the machine is suspended, where the system has a clock for that."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def _in_time(office: Office, seconds: float, request: Coroutine[Any, Any, _T]) -> _T | Refusal:
    try:
        async with asyncio.timeout(seconds) as limit:
            office.under_way.add(limit)
            try:
                return await request
            finally:
                office.under_way.discard(limit)
    except TimeoutError:
        return Refusal(NO_ANSWER)


async def _insist(office: Office, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run a query that may run twice, until the database has answered."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(DATABASE_AWAY),
        wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE),
        before_sleep=_say_why,
    )
    rows: list[tuple[Any, ...]] = await retrying(call, office, query, **parameters)
    return rows


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("database.away", reason=type(error).__name__, query=state.args[1], attempt=state.attempt_number)
