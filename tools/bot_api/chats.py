"""What the fake keeps: messages by chat, the requests it saw, and the faults that were ordered."""

import itertools
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tools.bot_api.telegram_html import CanNotParse, parse

MOST_CHARACTERS = 4096
MOST_CALLBACK_BYTES = 64

# What each fault answers: status and description. The others are done by the server.
ANSWERS = {
    "kicked": (403, "Forbidden: bot was kicked from the channel chat"),
    "chat_not_found": (400, "Bad Request: chat not found"),
    "no_rights": (400, "Bad Request: need administrator rights in the channel chat"),
    "message_gone": (400, "Bad Request: message to delete not found"),
    "message_kept": (400, "Bad Request: message can't be deleted"),
    "rate_limited": (429, "Too Many Requests: retry after {retry_after}"),
    "server_error": (500, "Internal Server Error"),
    "unauthorized": (401, "Unauthorized"),
}
FAULTS = (*ANSWERS, "not_telegram", "raw", "hold_before", "hold_after", "cut_before", "cut_after", "slow")


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after = retry_after


@dataclass
class Fault:
    """What to do wrong, for the next so many calls that fit.

    Args:
        fault: one of FAULTS.
        method: of the Bot API; None for any.
        chat_id: None for any.
        count: how many times.
        retry_after: seconds, for rate_limited.
        status: HTTP's, for not_telegram: a page as proxies on the way answer with; and for raw.
        body: of raw, a character for each byte; headers: beside it.
        seconds: how long, for slow.
    """

    fault: str
    method: str | None = None
    chat_id: str | None = None
    count: int = 1
    retry_after: int = 1
    status: int = 403
    seconds: float = 1.0
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Message:
    """A message as it was sent; deleted ones are kept for who asks."""

    chat_id: str
    message_id: int
    html: str
    text: str
    safe_html: str
    buttons: list[list[dict[str, str]]]
    date: int
    deleted: bool = False

    def as_json(self) -> dict[str, Any]:
        """What the tests read."""
        return {name: getattr(self, name) for name in ("chat_id", "message_id", "html", "text", "buttons", "deleted")}


@dataclass
class Chats:
    """The state of the server."""

    messages: dict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))
    requests: list[dict[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    _numbers: dict[str, "itertools.count[int]"] = field(default_factory=lambda: defaultdict(lambda: itertools.count(1)))

    def fault_for(self, method: str, chat_id: str | None) -> Fault | None:
        """The first fault that was ordered for such a call; it is used up by one."""
        for fault in self.faults:
            if fault.method in (None, method) and fault.chat_id in (None, chat_id):
                fault.count -= 1
                if fault.count <= 0:
                    self.faults.remove(fault)
                return fault
        return None

    def send(self, parameters: dict[str, Any], date: int) -> Message:
        """sendMessage.

        Raises:
            Refused: Telegram would refuse it as well.
        """
        chat_id, source = str(parameters.get("chat_id") or ""), str(parameters.get("text") or "")
        if not chat_id:
            raise Refused(400, "Bad Request: chat_id is empty")
        if not re.fullmatch("-?[0-9]+", chat_id):
            raise Refused(400, "Bad Request: chat not found")
        if parameters.get("parse_mode") != "HTML":
            raise Refused(400, "Bad Request: this server reads parse_mode HTML only")
        try:
            text, safe = parse(source)
        except CanNotParse as error:
            raise Refused(400, f"Bad Request: {error}") from error
        if not text.strip():
            raise Refused(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > MOST_CHARACTERS:
            raise Refused(400, "Bad Request: message is too long")
        buttons = _buttons(parameters.get("reply_markup"))
        message = Message(chat_id, next(self._numbers[chat_id]), source, text, safe, buttons, date)
        self.messages[chat_id].append(message)
        return message

    def delete(self, parameters: dict[str, Any]) -> None:
        """deleteMessage.

        Raises:
            Refused: it is not there.
        """
        chat_id, message_id = str(parameters.get("chat_id")), str(parameters.get("message_id"))
        for message in self.messages.get(chat_id, []):
            if str(message.message_id) == message_id and not message.deleted:
                message.deleted = True
                return
        raise Refused(400, "Bad Request: message to delete not found")

    def add_earlier(self, chat_id: str, message_id: int) -> None:
        """Put a message there that was sent before anybody looked."""
        self.messages[chat_id].append(Message(chat_id, message_id, "earlier", "earlier", "earlier", [], 0))


def _buttons(markup: Any) -> list[list[dict[str, str]]]:
    if not markup:
        return []
    try:
        keyboard = json.loads(markup) if isinstance(markup, str) else markup
        rows: list[list[dict[str, str]]] = keyboard["inline_keyboard"]
        every = [button for row in rows for button in row]
    except (ValueError, KeyError, TypeError):
        raise Refused(400, "Bad Request: can't parse reply keyboard markup JSON object") from None
    for button in every:
        if not button.get("text"):
            raise Refused(400, "Bad Request: can't parse inline keyboard button: text is empty")
        if ("url" in button) == ("callback_data" in button):
            raise Refused(400, "Bad Request: can't parse inline keyboard button: text buttons are unallowed")
        if not 0 < len(button.get("callback_data", "x").encode()) <= MOST_CALLBACK_BYTES:
            raise Refused(400, "Bad Request: BUTTON_DATA_INVALID")
        if urlsplit(button.get("url", "https://t.me/")).scheme not in ("http", "https", "tg"):
            raise Refused(400, "Bad Request: BUTTON_URL_INVALID")
    return rows
