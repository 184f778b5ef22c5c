"""One delivery of a broadcast: the earlier messages are deleted, then its two parts are sent (docs/delivery.md).

The functions in sql/delivery/ decide what is sent, when, and what follows from the outcome. Each part is recorded
before it is sent and afterwards; between the two there is exactly one request.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar, get_args
from uuid import UUID

import psycopg
import structlog
from psycopg.rows import class_row
from structlog.contextvars import bind_contextvars
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pyapi.channels.messages import Part, broadcast_messages
from pyapi.log_events import milliseconds_since
from pyapi.logs import retry_logged
from pyapi.metrics import CLAIMS, CLAIMS_ENDED, PART_SECONDS
from pyapi.pool import connection
from pyapi.queries import QUERIES
from pyapi.worker.context import DATABASE_AWAY, WorkerContext, call
from pyapi.worker.telegram import delete_message, send_message
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

# After these nothing else is sent for now; finish_broadcast() does not count them.
_ENDS_DELIVERY = (RATE_LIMITED, NETWORK, UNAUTHORIZED, STOPPED, CLAIM_LOST)
# After a longer wait than this the worker asks whether it still has the claim.
_RECHECK_CLAIM_AFTER_SECONDS = 1.0
_LONGEST_PAUSE = 5

# The log line of each outcome of finish_broadcast().
_OUTCOME_LOGS = {
    "sent": (logging.INFO, "broadcast.sent"),
    "released": (logging.INFO, "broadcast.released"),
    "channel_gone": (logging.INFO, "broadcast.channel_gone"),
    "unknown": (logging.WARNING, "broadcast.unknown"),
    "failed": (logging.WARNING, "broadcast.failed"),
    "switched_off": (logging.WARNING, "broadcast.switched_off"),
    "lost": (logging.WARNING, "broadcast.lost"),
    "database_error": (logging.ERROR, "broadcast.set_aside"),
    "not_advertisable": (logging.WARNING, "broadcast.not_advertisable"),
}

log = structlog.get_logger()
_T = TypeVar("_T")


class NotSendable(Exception):
    """What the database holds makes no message; the text says why."""


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
        outcome: sent, unknown, failed, switched_off, released, channel_gone or lost, by finish_broadcast();
            database_error where the database did not let it be sent, not_advertisable where the channel lacks what a
            message needs, by set_aside().
        error: the last thing that went wrong, as a sentence; None where nothing did.
    """

    broadcast_id: UUID
    outcome: str
    error: str | None


@dataclass(frozen=True)
class ChannelToSend:
    """A row of channel_to_send(): the channel as it is now."""

    open_channel_id: str
    open_channel_title: str | None
    open_channel_description: str | None
    closed_channel_id: str
    closed_channel_title: str | None
    closed_channel_description: str | None
    closed_channel_donation_message: str | None
    sub_1_price: Decimal | None
    sub_1_time: int | None
    sub_2_price: Decimal | None
    sub_2_time: int | None
    sub_3_price: Decimal | None
    sub_3_time: int | None


@dataclass(frozen=True)
class IntendedPart(ChannelToSend):
    """A row of intend_part(): the channel as it is now, and when to send; wait_seconds by the database's clock."""

    attempt: int
    send_at: Any
    chat_id: str
    wait_seconds: float
    lease_seconds: float


async def claim_due(context: WorkerContext, worker: str, count: int) -> list[Claim]:
    """Take so many due broadcasts, at most.

    Args:
        context: of this process.
        worker: a name that was never used before, so that a claim that was lost is not taken for a new one.
        count: at most.

    Raises:
        psycopg.Error: the database did not answer; what was claimed all the same comes back with its lease.
    """
    async with connection(context.pool) as conn, conn.cursor(row_factory=class_row(Claim)) as cursor:
        await cursor.execute(QUERIES["claim_due_broadcasts"], {"worker": worker, "count": count})
        claims = await cursor.fetchall()
    CLAIMS.inc(len(claims))
    return claims


async def deliver(context: WorkerContext, claim: Claim) -> Delivered:
    """Send what is to be sent of a claimed broadcast and end the claim, however long the database is away.

    Run it in a task of its own: all its log lines carry the delivery's ids from now on.

    Raises:
        psycopg.Error: the database does not even let it be set aside; the lease ends the claim.
    """
    began = time.monotonic()
    bind_contextvars(
        delivery_id=claim.delivery_id, broadcast_id=str(claim.broadcast_id), client_id=str(claim.client_id)
    )
    log.info("broadcast.claimed", worker=claim.worker)
    last: Refusal | None = None
    error: str | None = None
    trouble: str | None = None
    try:
        # Before the earlier messages are deleted it must be known that new ones can be made.
        await _check_sendable(context, claim)
        blocked_by = await _delete_earlier(context, claim)
        for part in get_args(Part):
            refused = await _send_part(context, claim, part, blocked_by)
            last = refused or last
            error = refused.sentence(part) if refused else error
            if refused and (blocked_by or refused.kind in _ENDS_DELIVERY):
                break
    except DATABASE_AWAY as away:
        # finish_broadcast() makes a part that is still intended unknown.
        error = "The database was away."
        log.warning("delivery.interrupted", reason=type(away).__name__)
    except (psycopg.Error, NotSendable) as refusal:
        trouble = _said_by_database(refusal)
    # Telegram does not answer: getMe must succeed before anything else is sent.
    if last and last.kind in (NETWORK, UNEXPECTED):
        context.unreachable = True
    if last and last.kind is UNAUTHORIZED:
        context.token_refused = True
        context.stopping.set()
    outcome, trouble = await _end_claim(context, claim, trouble)
    CLAIMS_ENDED.labels(outcome).inc()
    level, event = _OUTCOME_LOGS[outcome]
    code = last.kind.code if last else None
    if trouble and outcome == "database_error":
        log.error("delivery.refused", description=trouble)
    log.log(level, event, action="deliver", code=code, duration_ms=milliseconds_since(began))
    return Delivered(claim.broadcast_id, outcome, trouble or error)


async def _end_claim(context: WorkerContext, claim: Claim, trouble: str | None) -> tuple[str, str | None]:
    """How the claim ended, and what the database said where it does not let it be sent."""
    about: dict[str, Any] = {"delivery_id": claim.delivery_id, "worker": claim.worker}
    if trouble is None:
        try:
            rows = await _call_until_answered(context, "finish_broadcast", **about)
            return str(rows[0][0]), None
        except psycopg.Error as refusal:
            trouble = _said_by_database(refusal)
    rows = await _call_until_answered(context, "set_aside", reason=trouble, **about)
    return str(rows[0][0]), trouble


def _said_by_database(refusal: Exception) -> str:
    if isinstance(refusal, psycopg.Error) and refusal.sqlstate:
        return f"{refusal.sqlstate} {refusal.diag.message_primary}"
    return str(refusal)


async def _check_sendable(context: WorkerContext, claim: Claim) -> None:
    """See that the messages can be made.

    Raises:
        NotSendable: they can not.
        psycopg.Error: the channel can not be read.
    """
    async with connection(context.pool) as conn, conn.cursor(row_factory=class_row(ChannelToSend)) as cursor:
        await cursor.execute(QUERIES["channel_to_send"], {"delivery_id": claim.delivery_id})
        channel = await cursor.fetchone()
    if channel is None:
        raise NotSendable("no channel has this broadcast's pair")
    try:
        for message in broadcast_messages(channel):
            str(message.html)
    except Exception as error:
        raise NotSendable(f"its messages can not be made ({type(error).__name__})") from error


async def _delete_earlier(context: WorkerContext, claim: Claim) -> Refusal | None:
    """Delete the earlier messages; the refusal, where nothing may be sent because of it."""
    for chat_id, message_id in await call(context, "messages_to_delete", delivery_id=claim.delivery_id):
        if context.stopping.is_set():
            return Refusal(STOPPED)
        refused = await _with_timeout(
            context, context.settings.worker_send_timeout, delete_message(context.bot, chat_id, message_id)
        )
        about = log.bind(chat_id=chat_id, message_id=message_id)
        if refused is None or refused.kind in (MESSAGE_GONE, MESSAGE_KEPT):
            await call(context, "record_message_deleted", chat_id=chat_id, message_id=message_id)
            about.info("message.deleted", code=refused.kind.code if refused else None)
        elif refused.kind in _ENDS_DELIVERY or refused.kind.state == "unknown":
            about.warning("message.not_deleted", code=refused.kind.code)
            return refused if refused.kind in _ENDS_DELIVERY else Refusal(NOT_DELETED, description=refused.description)
        else:
            # For example, the bot is no longer in that chat; the new messages are sent all the same.
            about.warning("message.not_deleted", code=refused.kind.code)
    return None


async def _send_part(context: WorkerContext, claim: Claim, part: Part, blocked_by: Refusal | None) -> Refusal | None:
    """Send a part once and record the outcome; None when it was sent, or need not be sent."""
    if context.stopping.is_set():
        return Refusal(STOPPED)
    began, intended_at = time.monotonic(), _boot_time()
    intended = await _intend(context, claim, part)
    if intended is None:
        return None
    result = blocked_by or await _wait_and_send(context, claim, part, intended, intended_at)
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
    await _call_until_answered(
        context,
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


async def _intend(context: WorkerContext, claim: Claim, part: Part) -> IntendedPart | None:
    async with connection(context.pool) as conn, conn.cursor(row_factory=class_row(IntendedPart)) as cursor:
        await cursor.execute(
            QUERIES["intend_part"], {"delivery_id": claim.delivery_id, "worker": claim.worker, "part": part}
        )
        return await cursor.fetchone()


async def _wait_and_send(
    context: WorkerContext, claim: Claim, part: Part, intended: IntendedPart, intended_at: float
) -> int | Refusal:
    seconds = min(context.settings.worker_send_timeout, intended.lease_seconds / 4)
    if intended.wait_seconds > 0:
        await context.pause(intended.wait_seconds)
    if _boot_time() - intended_at > _RECHECK_CLAIM_AFTER_SECONDS:
        # The process or its machine may have been suspended, and another worker has taken over.
        still = await _call_until_answered(
            context, "is_still_claimed", delivery_id=claim.delivery_id, worker=claim.worker, seconds=seconds
        )
        if not still:
            return Refusal(CLAIM_LOST)
    if context.stopping.is_set():
        return Refusal(STOPPED)
    message = next(m for m in broadcast_messages(intended) if m.to == part)
    sending = send_message(context.bot, intended.chat_id, message, context.bot_username)
    asked = time.monotonic()
    result = await _with_timeout(context, seconds, sending)
    outcome = result.kind.state if isinstance(result, Refusal) else "sent"
    PART_SECONDS.labels(part, outcome).observe(time.monotonic() - asked)
    return result


def _boot_time() -> float:
    """Seconds by a clock that goes on while the machine is suspended, where the system has one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def _with_timeout(context: WorkerContext, seconds: float, request: Coroutine[Any, Any, _T]) -> _T | Refusal:
    try:
        async with asyncio.timeout(seconds) as limit:
            context.request_timeouts.add(limit)
            try:
                return await request
            finally:
                context.request_timeouts.discard(limit)
    except TimeoutError:
        return Refusal(NO_ANSWER)


async def _call_until_answered(context: WorkerContext, query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run a named query again and again until the database has answered; it must be safe to run twice.

    Raises:
        psycopg.Error: the database refused for another reason than being unreachable.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(DATABASE_AWAY),
        wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE),
        before_sleep=retry_logged("database.away", query=query),
    )
    rows: list[tuple[Any, ...]] = await retrying(call, context, query, **parameters)
    return rows
