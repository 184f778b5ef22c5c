"""Requests to Telegram by python-telegram-bot: no repetition of its own, and every failure as a Refusal."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.constants import ParseMode
from telegram.error import NetworkError, TelegramError
from telegram.request import HTTPXRequest

from pyapi.channels.messages import Message, deep_link
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram_answer import MOST_BYTES, read_answer
from pyapi.worker.telegram_errors import NETWORK, NO_ANSWER, UNEXPECTED, Refusal

# After these errors nothing was sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class RequestRefused(TelegramError):
    """A request failed; refusal says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.kind.sentence)
        self.refusal = refusal
        self.code = refusal.kind.code


class _Request(HTTPXRequest):
    # The library's error classes keep neither the status nor whether anything was sent, and it believes whatever an
    # answer holds: so the answer is judged here, and the library gets of it what was found to be right.
    async def do_request(self, url: str, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        method = url.rpartition("/")[2]
        try:
            status, body = await super().do_request(url, *args, **kwargs)
        except NetworkError as error:
            kind = NETWORK if isinstance(error.__cause__, _NOT_SENT) else NO_ANSWER
            raise RequestRefused(Refusal(kind)) from error
        answer = read_answer(method, status, body)
        if isinstance(answer, Refusal):
            raise RequestRefused(answer)
        result = {
            "sendMessage": {"message_id": answer, "date": 0, "chat": {"id": 0, "type": "channel"}},
            "getMe": {"id": 0, "is_bot": True, "first_name": "", "username": answer},
        }.get(method, answer)
        return 200, json.dumps({"ok": True, "result": result}).encode()


class _Limited(httpx.AsyncByteStream):
    """A body that is read up to the limit."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > MOST_BYTES:
                raise RequestRefused(Refusal(UNEXPECTED))
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


async def _limit_body(response: httpx.Response) -> None:
    # Nobody asked for it, and a small body can be unpacked to a large one.
    if response.headers.get("content-encoding", "identity") != "identity":
        raise RequestRefused(Refusal(UNEXPECTED))
    if isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _Limited(response.stream)


@asynccontextmanager
async def telegram_bot(settings: WorkerSettings) -> AsyncIterator[Bot]:
    """The bot; nothing is asked of Telegram yet."""
    # httpx logs every address, and the token is part of it.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    seconds = settings.worker_send_timeout
    request = _Request(
        # A request never waits for a connection of the pool.
        connection_pool_size=settings.worker_concurrency + 1,
        connect_timeout=seconds / 3,
        pool_timeout=seconds / 3,
        write_timeout=seconds,
        read_timeout=seconds,
        httpx_kwargs={"headers": {"Accept-Encoding": "identity"}, "event_hooks": {"response": [_limit_body]}},
    )
    bot = Bot(
        settings.telegram_bot_token.get_secret_value(),
        base_url=f"{settings.telegram_api_base_url}/bot",
        request=request,
    )
    await request.initialize()
    try:
        yield bot
    finally:
        await request.shutdown()


async def read_bot_username(bot: Bot) -> str:
    """The bot's name, by getMe.

    Raises:
        RequestRefused: Telegram did not answer, or does not accept the token.
    """
    try:
        return (await bot.get_me()).username or ""
    except RequestRefused:
        raise
    except Exception as error:
        raise RequestRefused(Refusal(UNEXPECTED)) from error


async def send_message(bot: Bot, chat_id: str, message: Message, bot_username: str) -> int | Refusal:
    """Send a message once; its id, or why there is none."""
    keyboard = [
        [
            InlineKeyboardButton(
                button.text,
                url=deep_link(bot_username, button.start_token) if button.start_token else None,
                callback_data=button.callback_data,
            )
        ]
        for button in message.buttons
    ]
    try:
        sent = await bot.send_message(
            chat_id, message.html, ParseMode.HTML, reply_markup=InlineKeyboardMarkup(keyboard)
        )
    except RequestRefused as error:
        return error.refusal
    except Exception:
        # The request was sent, and its answer cannot be read: that must be recorded, whatever it is.
        return Refusal(UNEXPECTED)
    return sent.message_id


async def delete_message(bot: Bot, chat_id: str, message_id: int) -> Refusal | None:
    """Delete a message; None when that went well."""
    try:
        await bot.delete_message(chat_id, message_id)
    except Exception as error:
        refused = error.refusal if isinstance(error, RequestRefused) else Refusal(UNEXPECTED)
        # Deleting again does no harm, and an answer that is not Telegram's is not the channel's fault: retry later.
        return Refusal(NETWORK) if refused.kind is UNEXPECTED else refused
    return None
