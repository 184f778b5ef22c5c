"""The worker: claims what is due and delivers it, until it is stopped.

A NOTIFY on broadcast_manager_due (sql/delivery/request_broadcast.sql) wakes it at once. It also looks every few
seconds, because a pooler in transaction mode passes no notifications on.
"""

import asyncio
import itertools
import os
import socket
import time
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from uuid import UUID, uuid4

import psycopg
import structlog
from tenacity import AsyncRetrying, RetryError, retry_if_exception_type, wait_random_exponential

from pyapi.listen import listening
from pyapi.logs import retry_logged
from pyapi.metrics import LAST_LOOK
from pyapi.worker.context import DATABASE_AWAY, WorkerContext, call, worker_context
from pyapi.worker.delivery import Claim, Delivered, claim_due, deliver
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram import RequestRefused, read_bot_username
from pyapi.worker.telegram_errors import UNAUTHORIZED

# Stopping takes less than ten seconds. Of that, requests under way get so much; then what came of them is noted.
_GRACE = 8.0
_REQUESTS_SHARE = 5 / 8
_LONGEST_PAUSE = 30
_UNREACHABLE_PAUSE = 1.0
_FORGET_SECONDS = 3600.0

_FAILED = ("failed", "switched_off", "unknown", "database_error", "not_advertisable")

log = structlog.get_logger()


class TokenRefused(Exception):
    """Telegram does not accept the bot's token; the message is one sentence."""


class SendingOff(Exception):
    """An operator has switched sending off, or has not switched it on yet; the message says why."""


@dataclass(frozen=True)
class Round:
    """What one round did.

    Args:
        results: one for each broadcast that was due.
        seconds: how long it took.
        stopped: it was told to stop, and may have left some that were due.
    """

    results: list[Delivered]
    seconds: float
    stopped: bool

    @property
    def successful(self) -> int:
        """How many went out in full."""
        return sum(result.outcome == "sent" for result in self.results)

    @property
    def failed(self) -> int:
        """How many failed, or may have: those of unknown fate are among them."""
        return sum(result.outcome in _FAILED for result in self.results)

    def counts(self) -> dict[str, int]:
        """How many ended in which way."""
        return dict(Counter(result.outcome for result in self.results).most_common())


async def run_worker(settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Run a worker until the event is set; it then stops within ten seconds.

    Raises:
        TokenRefused: Telegram does not accept the token.
        psycopg.Error: the database refused: it is not upgraded, or the role is no member of broadcast_worker.
    """
    async with worker_context(settings) as context:
        deliveries: set[asyncio.Task[Delivered]] = set()
        main = asyncio.create_task(_claim_and_deliver(context, deliveries))
        await _wait_for_end_or_stop(main, stop)
        await _shut_down(context, main, deliveries, _GRACE)
        if not main.cancelled():
            main.result()
        if context.token_refused:
            raise TokenRefused(UNAUTHORIZED.sentence)


async def run_round(settings: WorkerSettings, stop: asyncio.Event | None = None, grace: float = _GRACE) -> Round:
    """Deliver everything that is due now, each broadcast once.

    Args:
        settings: of this process.
        stop: once it is set, nothing new begins; None: nobody stops it.
        grace: in so many seconds it then ends.

    Raises:
        SendingOff: nothing is to be sent now.
        TokenRefused: Telegram does not accept the token.
        RequestRefused: Telegram cannot be reached.
        psycopg.Error: the database does not answer, or refuses.
    """
    began = time.monotonic()
    stop = stop or asyncio.Event()
    async with worker_context(settings) as context:
        deliveries: list[asyncio.Task[Delivered]] = []
        main = asyncio.create_task(_deliver_each_once(context, deliveries))
        await _wait_for_end_or_stop(main, stop)
        if not main.done():
            await _shut_down(context, main, deliveries, grace)
        if not main.cancelled():
            main.result()
        if context.token_refused:
            raise TokenRefused(UNAUTHORIZED.sentence)
    results = [delivery.result() for delivery in deliveries if not delivery.cancelled()]
    return Round(results, time.monotonic() - began, stop.is_set())


async def _wait_for_end_or_stop(main: asyncio.Task[None], stop: asyncio.Event) -> None:
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({main, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()


async def _shut_down(
    context: WorkerContext, main: asyncio.Task[None], deliveries: Collection[asyncio.Task[Delivered]], seconds: float
) -> None:
    """Begin nothing new, wait for what is under way, and cancel what is late."""
    log.info("worker.stopping", under_way=sum(not delivery.done() for delivery in deliveries))
    deadline = time.monotonic() + seconds
    context.stop_within(seconds * _REQUESTS_SHARE)
    # It may be claiming right now; what it gets is given back as well.
    await asyncio.wait({main}, timeout=seconds)
    _, late = await asyncio.wait({main, *deliveries}, timeout=deadline - time.monotonic())
    # What they could not record becomes unknown when the lease ends.
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    log.info("worker.stopped", given_up=len(late))


async def _deliver_each_once(context: WorkerContext, deliveries: list[asyncio.Task[Delivered]]) -> None:
    ((is_on, note, _),) = await call(context, "sending")
    if not is_on:
        raise SendingOff(note)
    await _identify_bot(context)
    await _release_expired(context)
    names = _claim_names(_process_name())
    seen: set[UUID] = set()
    under_way: set[asyncio.Task[Delivered]] = set()
    try:
        while not context.unreachable and not context.stopping.is_set():
            claims = await _claim(context, next(names), context.settings.worker_concurrency - len(under_way))
            again = [claim for claim in claims if claim.broadcast_id in seen]
            for claim in claims:
                if claim in again:
                    await call(context, "finish_broadcast", delivery_id=claim.delivery_id, worker=claim.worker)
                    continue
                seen.add(claim.broadcast_id)
                task = asyncio.create_task(_deliver(context, claim))
                deliveries.append(task)
                under_way.add(task)
            # A broadcast that comes back was released because Telegram asks to wait: it is left to the next round.
            if again or not claims:
                return
            if len(under_way) == context.settings.worker_concurrency:
                _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Also after an error, deliveries that are under way are finished.
        await asyncio.gather(*deliveries, return_exceptions=True)


async def _deliver(context: WorkerContext, claim: Claim) -> Delivered:
    try:
        return await deliver(context, claim)
    except Exception as error:
        sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
        log.error("delivery.crashed", reason=type(error).__name__, sqlstate=sqlstate)
        raise


async def _claim_and_deliver(context: WorkerContext, deliveries: set[asyncio.Task[Delivered]]) -> None:
    settings = context.settings
    wake = asyncio.Event()
    process = _process_name()
    names = _claim_names(process)
    looked_at = forgot_at = -float("inf")
    was_on: bool | None = None

    def done(task: asyncio.Task[Delivered]) -> None:
        deliveries.discard(task)
        # _deliver() has logged the error; asyncio would log it again.
        if not task.cancelled():
            task.exception()
        wake.set()

    if not await _wait_for_telegram(context):
        return
    async with listening(settings.database_url, "worker listens", "listen_for_due", lambda _: wake.set()):
        log.info("worker.started", bot=context.bot_username, concurrency=settings.worker_concurrency)
        while not context.stopping.is_set():
            wake.clear()
            if context.unreachable:
                await context.pause(_UNREACHABLE_PAUSE)
                if not await _wait_for_telegram(context):
                    return
            free = settings.worker_concurrency - len(deliveries)
            claims: list[Claim] = []
            pause = settings.worker_poll_seconds
            try:
                if time.monotonic() - looked_at >= settings.worker_poll_seconds:
                    await _tell_of_look(context, process)
                    await _release_expired(context)
                    looked_at = time.monotonic()
                if time.monotonic() - forgot_at >= _FORGET_SECONDS:
                    await call(context, "forget_old_deliveries")
                    forgot_at = time.monotonic()
                ((is_on, note, _),) = await call(context, "sending")
                if is_on != was_on:
                    _log_sending(is_on, note)
                    was_on = is_on
                if free:
                    claims = await _claim(context, next(names), free)
                LAST_LOOK.set_to_current_time()
            except DATABASE_AWAY as error:
                log.warning("database.away", reason=type(error).__name__, query="claim_due_broadcasts")
                pause = min(pause, _UNREACHABLE_PAUSE)
            for claim in claims:
                task = asyncio.create_task(_deliver(context, claim))
                deliveries.add(task)
                task.add_done_callback(done)
            await _wait_for_any(wake, context.stopping, seconds=pause)
    # Who cannot say so is shown as stalled.
    with suppress(*DATABASE_AWAY):
        await call(context, "worker_stops", process=process)


async def _tell_of_look(context: WorkerContext, process: str) -> None:
    await call(
        context,
        "worker_looks",
        process=process,
        version=_release(),
        bot=context.bot_username,
        concurrency=context.settings.worker_concurrency,
        poll_seconds=context.settings.worker_poll_seconds,
    )


async def _claim(context: WorkerContext, worker: str, count: int) -> list[Claim]:
    try:
        return await claim_due(context, worker, count)
    except DATABASE_AWAY:
        raise
    except psycopg.Error as refusal:
        # One row that cannot be written must not hold up the others.
        ((refused,),) = await call(context, "set_aside_unclaimable")
        if not refused:
            raise
        log.error("claims.refused", count=refused, sqlstate=refusal.sqlstate)
        return await claim_due(context, worker, count)


def _log_sending(is_on: bool, note: str | None) -> None:
    if is_on:
        log.info("sending.on")
    else:
        log.warning("sending.off", description=note)


async def _release_expired(context: WorkerContext) -> None:
    await call(context, "note_foreign_marks")
    ((released,),) = await call(context, "release_expired_claims")
    if released:
        log.warning("claims.released", count=released)


async def _identify_bot(context: WorkerContext) -> None:
    try:
        context.bot_username = await read_bot_username(context.bot)
    except RequestRefused as error:
        if error.refusal.kind is UNAUTHORIZED:
            raise TokenRefused(UNAUTHORIZED.sentence) from error
        raise


async def _wait_for_telegram(context: WorkerContext) -> bool:
    """Ask Telegram who the bot is until it answers; False when it was time to stop before."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(RequestRefused),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_PAUSE),
        stop=lambda _: context.stopping.is_set(),
        sleep=context.pause,
        before_sleep=retry_logged("worker.waiting"),
    )
    try:
        await retrying(_identify_bot, context)
    except RetryError:
        return False
    context.unreachable = False
    return True


async def _wait_for_any(*events: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _release() -> str:
    try:
        return version("broadcast-manager")
    except PackageNotFoundError:
        return "a checkout"


def _process_name() -> str:
    """A name that no other process has."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"


def _claim_names(process: str) -> Iterator[str]:
    """Names that no other claim has, of this process or any other."""
    return (f"{process}:{number}" for number in itertools.count(1))
