"""One delivery of a broadcast: the earlier messages are deleted, then its two parts are sent (docs/delivery.md).

next_step() in sql/delivery/ decides what is sent, when, and what follows from the outcome. Each part is recorded
before it is sent and afterwards; between the two there is exactly one request.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

import psycopg
import structlog
from psycopg.rows import AsyncRowFactory, class_row, tuple_row
from psycopg.types.json import Jsonb
from structlog.contextvars import bind_contextvars
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from pyapi.channels.messages import Part, broadcast_messages
from pyapi.log_events import milliseconds_since
from pyapi.logs import retry_logged
from pyapi.metrics import CLAIMS, CLAIMS_ENDED, PART_SECONDS
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

# Where a deletion ends with one of these, nothing is sent.
_BLOCKS = (RATE_LIMITED, NETWORK, UNAUTHORIZED, STOPPED, NOT_DELETED)
# What next_step() is told when there is nothing to tell.
_NO_REPORT: dict[str, Any] = dict.fromkeys(
    ("part", "attempt", "outcome", "message_id", "error_code", "error_message", "retry_after", "deleted")
)
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
class Step:
    """A row of next_step(): the end, messages to delete, or a part to send; and the channel as it is now.

    Args:
        ended_as: how the claim ended; None while there is something to do.
        to_delete: messages of earlier deliveries, each with its chat_id and message_id; None where there is none.
        part: which part to send.
        attempt: the number of this try.
        chat_id: where to.
        wait_seconds: not before so many seconds have passed, by the database's clock.
        lease_seconds: as long a request may take four times.
    """

    ended_as: str | None
    to_delete: list[dict[str, Any]] | None
    part: Part
    attempt: int
    chat_id: str
    wait_seconds: float
    lease_seconds: float
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


async def claim_due(context: WorkerContext, worker: str, count: int) -> list[Claim]:
    """Take so many due broadcasts, at most.

    Args:
        context: of this process.
        worker: a name that was never used before, so that a claim that was lost is not taken for a new one.
        count: at most.

    Raises:
        psycopg.Error: the database did not answer; what was claimed all the same comes back with its lease.
    """
    claims: list[Claim] = await call(context, "claim_due_broadcasts", class_row(Claim), worker=worker, count=count)
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
    report: dict[str, Any] = {}
    try:
        while not context.stopping.is_set():
            asked_at = _boot_time()
            step = await _next_step(context, claim, report)
            if step.ended_as is not None:
                outcome = step.ended_as
                break
            if step.to_delete:
                _check_sendable(step)
                refused, report = await _delete_earlier(context, step)
            else:
                refused, report = await _send_part(context, claim, step, asked_at)
            if refused:
                last, error = refused, report["error_message"]
        else:
            await _record_part(context, claim, report)
            outcome = await _end_claim(context, claim, "finish_broadcast")
    except (psycopg.Error, NotSendable) as refusal:
        trouble = _said_by_database(refusal)
        outcome = await _end_claim(context, claim, "set_aside", reason=trouble)
    # Telegram does not answer: getMe must succeed before anything else is sent.
    if last and last.kind in (NETWORK, UNEXPECTED):
        context.unreachable = True
    if last and last.kind is UNAUTHORIZED:
        context.token_refused = True
        context.stopping.set()
    CLAIMS_ENDED.labels(outcome).inc()
    level, event = _OUTCOME_LOGS[outcome]
    code = last.kind.code if last else None
    if trouble and outcome == "database_error":
        log.error("delivery.refused", description=trouble)
    log.log(level, event, action="deliver", code=code, duration_ms=milliseconds_since(began))
    return Delivered(claim.broadcast_id, outcome, trouble or error)


async def _next_step(context: WorkerContext, claim: Claim, report: dict[str, Any]) -> Step:
    """Say what came of the last step, nothing at the beginning, and take the next one.

    Raises:
        psycopg.Error: the database refuses. What was sent is recorded all the same.
    """
    parameters = _NO_REPORT | report | {"delivery_id": claim.delivery_id, "worker": claim.worker}
    try:
        rows: list[Step] = await _call_until_answered(context, "next_step", class_row(Step), **parameters)
    except psycopg.Error:
        await _record_part(context, claim, report)
        raise
    return rows[0]


async def _record_part(context: WorkerContext, claim: Claim, report: dict[str, Any]) -> None:
    if "part" in report:
        parameters = _NO_REPORT | report | {"delivery_id": claim.delivery_id}
        await _call_until_answered(context, "record_part", **parameters)


async def _end_claim(context: WorkerContext, claim: Claim, query: str, **details: str) -> str:
    about = {"delivery_id": claim.delivery_id, "worker": claim.worker}
    rows = await _call_until_answered(context, query, tuple_row, **about, **details)
    return str(rows[0][0])


def _said_by_database(refusal: Exception) -> str:
    if isinstance(refusal, psycopg.Error) and refusal.sqlstate:
        return f"{refusal.sqlstate} {refusal.diag.message_primary}"
    return str(refusal)


def _check_sendable(step: Step) -> None:
    """See that the messages can be made, before those of last time are deleted.

    Raises:
        NotSendable: they cannot.
    """
    try:
        for message in broadcast_messages(step):
            str(message.html)
    except Exception as error:
        raise NotSendable(f"its messages cannot be made ({type(error).__name__})") from error


async def _delete_earlier(context: WorkerContext, step: Step) -> tuple[Refusal | None, dict[str, Any]]:
    """Delete the earlier messages; the refusal, where nothing may be sent because of it, and what to report."""
    deleted: list[dict[str, Any]] = []
    for message in step.to_delete or ():
        part: Part = "closed" if message["chat_id"] == step.closed_channel_id else "open"
        refused = await _delete_message(context, **message)
        about = log.bind(chat_id=message["chat_id"], message_id=message["message_id"])
        if refused is None or refused.kind in (MESSAGE_GONE, MESSAGE_KEPT):
            deleted.append(message)
            about.info("message.deleted", code=refused.kind.code if refused else None)
            continue
        if refused.kind is not STOPPED:
            about.warning("message.not_deleted", code=refused.kind.code)
        if refused.kind.state == "unknown":
            refused = Refusal(NOT_DELETED, description=refused.description)
        if refused.kind in _BLOCKS:
            return refused, {"deleted": Jsonb(deleted), **_reason(refused, part)}
        # For example, the bot is no longer in that chat; the new messages are sent all the same.
    return None, {"deleted": Jsonb(deleted)}


async def _delete_message(context: WorkerContext, chat_id: str, message_id: int) -> Refusal | None:
    if context.stopping.is_set():
        return Refusal(STOPPED)
    request = delete_message(context.bot, chat_id, message_id)
    return await _with_timeout(context, context.settings.worker_send_timeout, request)


async def _send_part(
    context: WorkerContext, claim: Claim, step: Step, asked_at: float
) -> tuple[Refusal | None, dict[str, Any]]:
    """Send a part once; the refusal, None when it was sent, and what to report."""
    began = time.monotonic()
    result = await _wait_and_send(context, claim, step, asked_at)
    about = log.bind(
        part=step.part,
        open_channel_id=step.open_channel_id,
        closed_channel_id=step.closed_channel_id,
        chat_id=step.chat_id,
        duration_ms=milliseconds_since(began),
    )
    report = {"part": step.part, "attempt": step.attempt}
    if not isinstance(result, Refusal):
        about.info("part.sent", message_id=result)
        return None, report | {"outcome": "sent", "message_id": result}
    event = "part.unknown" if result.kind.state == "unknown" else "part.failed"
    about.warning(event, code=result.kind.code, description=result.description)
    return result, report | {"outcome": result.kind.state, **_reason(result, step.part)}


def _reason(refused: Refusal, part: Part) -> dict[str, Any]:
    return {
        "error_code": refused.kind.code,
        "error_message": refused.sentence(part),
        "retry_after": refused.retry_after,
    }


async def _wait_and_send(context: WorkerContext, claim: Claim, step: Step, asked_at: float) -> int | Refusal:
    seconds = min(context.settings.worker_send_timeout, step.lease_seconds / 4)
    if step.wait_seconds > 0:
        await context.pause(step.wait_seconds)
    if _boot_time() - asked_at > _RECHECK_CLAIM_AFTER_SECONDS:
        # The process or its machine may have been suspended, and another worker has taken over.
        still = await _call_until_answered(
            context, "is_still_claimed", delivery_id=claim.delivery_id, worker=claim.worker, seconds=seconds
        )
        if not still:
            return Refusal(CLAIM_LOST)
    if context.stopping.is_set():
        return Refusal(STOPPED)
    message = next(m for m in broadcast_messages(step) if m.to == step.part)
    sending = send_message(context.bot, step.chat_id, message, context.bot_username)
    asked = time.monotonic()
    result = await _with_timeout(context, seconds, sending)
    outcome = result.kind.state if isinstance(result, Refusal) else "sent"
    PART_SECONDS.labels(step.part, outcome).observe(time.monotonic() - asked)
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


async def _call_until_answered(
    context: WorkerContext, query: str, row_factory: AsyncRowFactory[Any] = tuple_row, **parameters: Any
) -> list[Any]:
    """Run a named query again and again until the database has answered; it must be safe to run twice.

    Raises:
        psycopg.Error: the database refused for another reason than being unreachable.
    """
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(DATABASE_AWAY),
        wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE),
        before_sleep=retry_logged("database.away", query=query),
    )
    rows: list[Any] = await retrying(call, context, query, row_factory, **parameters)
    return rows
