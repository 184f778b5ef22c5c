"""The worker: takes what is due and delivers it, until it is told to stop.

A NOTIFY on broadcast_manager_due (sql/delivery/request_broadcast.sql) wakes it at once; without one, behind a
pooler in transaction mode say, it looks every few seconds.
"""

import asyncio
import itertools
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import UUID, uuid4

import psycopg
import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    RetryError,
    retry_if_exception,
    retry_if_exception_type,
    wait_random_exponential,
)

from pyapi.metrics import LAST_LOOK
from pyapi.pool import listening_connection
from pyapi.worker.delivery import DATABASE_AWAY, Claim, Delivered, Office, call, claim_due, deliver, open_office
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram import RequestRefused, read_bot_username
from pyapi.worker.telegram_errors import UNAUTHORIZED

# Stopping takes less than ten seconds. Of that, requests under way get so much; then what came of them is noted.
_GRACE = 8.0
_REQUESTS_SHARE = 5 / 8
_LONGEST_PAUSE = 30
_UNREACHABLE_PAUSE = 1.0
# Shorter than a failover takes, so that it is noticed soon.
_LISTEN_PAUSE = 5
_FORGET_SECONDS = 3600.0

_FAILED = ("failed", "switched_off", "unknown")

log = structlog.get_logger()


class TokenRefused(Exception):
    """Telegram does not accept the bot's token; the message is one sentence."""


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
    async with open_office(settings) as office:
        deliveries: set[asyncio.Task[Delivered]] = set()
        main = asyncio.create_task(_take_and_deliver(office, deliveries))
        await _ended_or_told(main, stop)
        await _wind_up(office, main, deliveries, _GRACE)
        if not main.cancelled():
            main.result()
        if office.token_refused:
            raise TokenRefused(UNAUTHORIZED.sentence)


async def run_round(settings: WorkerSettings, stop: asyncio.Event | None = None, grace: float = _GRACE) -> Round:
    """Deliver everything that is due now, each broadcast once.

    Args:
        settings: of this process.
        stop: once it is set, nothing new begins; None: nobody stops it.
        grace: in so many seconds it then ends.

    Raises:
        TokenRefused: Telegram does not accept the token.
        RequestRefused: Telegram can not be reached.
        psycopg.Error: the database does not answer, or refuses.
    """
    began = time.monotonic()
    stop = stop or asyncio.Event()
    async with open_office(settings) as office:
        deliveries: list[asyncio.Task[Delivered]] = []
        main = asyncio.create_task(_deliver_each_once(office, deliveries))
        await _ended_or_told(main, stop)
        if not main.done():
            await _wind_up(office, main, deliveries, grace)
        if not main.cancelled():
            main.result()
        if office.token_refused:
            raise TokenRefused(UNAUTHORIZED.sentence)
    results = [delivery.result() for delivery in deliveries if not delivery.cancelled()]
    return Round(results, time.monotonic() - began, stop.is_set())


async def _ended_or_told(main: asyncio.Task[None], stop: asyncio.Event) -> None:
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({main, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()


async def _wind_up(
    office: Office, main: asyncio.Task[None], deliveries: Collection[asyncio.Task[Delivered]], seconds: float
) -> None:
    """Begin nothing new, give what is under way its time, and leave the rest."""
    log.info("worker.stopping", under_way=sum(not delivery.done() for delivery in deliveries))
    by = time.monotonic() + seconds
    office.hurry(seconds * _REQUESTS_SHARE)
    # It may just be claiming, and what it has got is given back as well.
    await asyncio.wait({main}, timeout=seconds)
    _, late = await asyncio.wait({main, *deliveries}, timeout=by - time.monotonic())
    # What they could not note is unknown when the lease ends.
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
    log.info("worker.stopped", given_up=len(late))


async def _deliver_each_once(office: Office, deliveries: list[asyncio.Task[Delivered]]) -> None:
    await _introduce(office)
    await _release_expired(office)
    names = _claim_names()
    seen: set[UUID] = set()
    under_way: set[asyncio.Task[Delivered]] = set()
    try:
        while not office.unreachable and not office.stopping.is_set():
            claims = await claim_due(office, next(names), office.settings.worker_concurrency - len(under_way))
            again = [claim for claim in claims if claim.broadcast_id in seen]
            for claim in claims:
                if claim in again:
                    await call(office, "finish_broadcast", delivery_id=claim.delivery_id, worker=claim.worker)
                    continue
                seen.add(claim.broadcast_id)
                task = asyncio.create_task(_deliver(office, claim))
                deliveries.append(task)
                under_way.add(task)
            # What comes back within a round was given back, as Telegram asks to wait: it is left to the next one.
            if again or not claims:
                return
            if len(under_way) == office.settings.worker_concurrency:
                _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Whatever went wrong: what is under way is brought to its end.
        await asyncio.gather(*deliveries, return_exceptions=True)


async def _deliver(office: Office, claim: Claim) -> Delivered:
    try:
        return await deliver(office, claim)
    except Exception as error:
        sqlstate = error.sqlstate if isinstance(error, psycopg.Error) else None
        log.error("delivery.crashed", reason=type(error).__name__, sqlstate=sqlstate)
        raise


async def _take_and_deliver(office: Office, deliveries: set[asyncio.Task[Delivered]]) -> None:
    settings = office.settings
    wake = asyncio.Event()
    names = _claim_names()
    looked_after = forgot = -float("inf")

    def done(task: asyncio.Task[Delivered]) -> None:
        deliveries.discard(task)
        # Told by itself; asyncio would tell it again.
        if not task.cancelled():
            task.exception()
        wake.set()

    if not await _reachable(office):
        return
    async with _listening(settings.database_url, wake):
        log.info("worker.started", bot=office.bot_username, concurrency=settings.worker_concurrency)
        while not office.stopping.is_set():
            wake.clear()
            if office.unreachable:
                await office.pause(_UNREACHABLE_PAUSE)
                if not await _reachable(office):
                    return
            free = settings.worker_concurrency - len(deliveries)
            claims: list[Claim] = []
            pause = settings.worker_poll_seconds
            try:
                if time.monotonic() - looked_after >= settings.worker_poll_seconds:
                    await _release_expired(office)
                    looked_after = time.monotonic()
                if time.monotonic() - forgot >= _FORGET_SECONDS:
                    await call(office, "forget_old_deliveries")
                    forgot = time.monotonic()
                if free:
                    claims = await claim_due(office, next(names), free)
                LAST_LOOK.set_to_current_time()
            except DATABASE_AWAY as error:
                log.warning("database.away", reason=type(error).__name__, query="claim_due_broadcasts")
                pause = min(pause, _UNREACHABLE_PAUSE)
            for claim in claims:
                task = asyncio.create_task(_deliver(office, claim))
                deliveries.add(task)
                task.add_done_callback(done)
            await _first(wake, office.stopping, seconds=pause)


async def _release_expired(office: Office) -> None:
    ((released,),) = await call(office, "release_expired_claims")
    if released:
        log.warning("claims.released", count=released)


async def _introduce(office: Office) -> None:
    try:
        office.bot_username = await read_bot_username(office.bot)
    except RequestRefused as error:
        if error.refusal.kind is UNAUTHORIZED:
            raise TokenRefused(UNAUTHORIZED.sentence) from error
        raise


async def _reachable(office: Office) -> bool:
    """Ask Telegram who the bot is until it answers; False when it was time to stop before."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(RequestRefused),
        wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_PAUSE),
        stop=lambda _: office.stopping.is_set(),
        sleep=office.pause,
        before_sleep=_say_why,
    )
    try:
        await retrying(_introduce, office)
    except RetryError:
        return False
    office.unreachable = False
    return True


@asynccontextmanager
async def _listening(database_url: str, wake: asyncio.Event) -> AsyncIterator[None]:
    task = asyncio.create_task(_listen(database_url, wake))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _listen(database_url: str, wake: asyncio.Event) -> None:
    """Set wake at each manual trigger, and whenever some may have been missed."""
    retrying = AsyncRetrying(
        retry=retry_if_exception(lambda error: isinstance(error, (psycopg.Error, OSError))),
        wait=wait_random_exponential(multiplier=0.1, max=_LISTEN_PAUSE),
        before_sleep=_say_why,
    )
    while True:
        with suppress(psycopg.Error):
            async with await retrying(listening_connection, database_url, "worker listens", "listen_for_due") as conn:
                wake.set()
                async for _ in conn.notifies():
                    wake.set()
        log.warning("worker.not_listening")


async def _first(*events: asyncio.Event, seconds: float) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()


def _claim_names() -> Iterator[str]:
    """Names that no other claim has, of this process or any other."""
    process = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
    return (f"{process}:{number}" for number in itertools.count(1))


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    code = error.refusal.kind.code if isinstance(error, RequestRefused) else None
    log.warning("worker.waiting", reason=type(error).__name__, code=code, attempt=state.attempt_number)
