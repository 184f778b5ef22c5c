"""What the deliveries of one worker share: connections to the database, the bot, and when to stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import AsyncRowFactory, tuple_row
from telegram import Bot

from pyapi.pool import Pool, connection, make_pool
from pyapi.queries import QUERIES
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram import telegram_bot

# The database cannot be reached, or is shutting down; the same statement may succeed in a moment.
DATABASE_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.ReadOnlySqlTransaction, OSError)


@dataclass
class WorkerContext:
    """What the deliveries of one process share.

    Args:
        pool: connections to the database.
        bot: sends the messages.
        settings: of this process.
        bot_username: for links that start the bot.
        stopping: set once nothing new may begin.
        unreachable: Telegram could not be reached, and nobody has asked again yet.
        token_refused: Telegram does not accept the token; stopping is set as well.
        request_timeouts: the time limits of the requests that are being sent.
    """

    pool: Pool
    bot: Bot
    settings: WorkerSettings
    bot_username: str = ""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    unreachable: bool = False
    token_refused: bool = False
    request_timeouts: set[asyncio.Timeout] = field(default_factory=set)

    async def pause(self, seconds: float) -> None:
        """Sleep for so many seconds, or until it is time to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)

    def stop_within(self, seconds: float) -> None:
        """Begin nothing new; requests that are being sent may take so many seconds more."""
        self.stopping.set()
        deadline = asyncio.get_running_loop().time() + seconds
        for limit in self.request_timeouts:
            if not limit.expired():
                limit.reschedule(min(limit.when() or deadline, deadline))


@asynccontextmanager
async def worker_context(settings: WorkerSettings) -> AsyncIterator[WorkerContext]:
    """Open connections and bot; neither the database nor Telegram has to answer for that."""
    pool = make_pool(settings.database_url, "worker", max_size=settings.worker_concurrency + 1, timeout=3)
    async with pool, telegram_bot(settings) as bot:
        yield WorkerContext(pool, bot, settings)


async def call(
    context: WorkerContext, query: str, row_factory: AsyncRowFactory[Any] = tuple_row, **parameters: Any
) -> list[Any]:
    """Run a named query once.

    Raises:
        psycopg.Error: the database did not answer.
    """
    async with connection(context.pool) as conn, conn.cursor(row_factory=row_factory) as cursor:
        await cursor.execute(QUERIES[query], parameters)
        return await cursor.fetchall()
