"""One answer of the Bot API, from its bytes to the little of it that is used.

What answers may be anything: nothing of it is believed beyond its type, its size and its range.
"""

import json
import math
from typing import Any

import structlog

from pyapi.worker.telegram_errors import MIGRATED, RATE_LIMITED, SERVER_ERROR, UNEXPECTED, Refusal, kind_of

# Of a message of 4096 characters, each escaped, Telegram says some 40 KiB.
MOST_BYTES = 1 << 16
# What a column of type bigint holds.
_MOST_MESSAGE_ID = 2**63 - 1
# Where a 429 does not say for how long, and the longest wait that is believed: seconds.
_RETRY_AFTER = 5
_LONGEST_WAIT = 3600
_MOST_CHARACTERS = 200
# As many as a channel's id has in the database.
_MOST_ID_CHARACTERS = 14

log = structlog.get_logger()


def read_answer(method: str, status: int, body: bytes) -> Any:
    """What an answer says.

    Args:
        method: of the Bot API.
        status: HTTP's.
        body: as it came.

    Returns:
        A Refusal; else, for sendMessage, the message's id, a whole number from 1 to 2**63 - 1; for getMe, the bot's
        username; for other methods True.
    """
    try:
        answer = json.loads(body)
    # The latter for what is nested too deep.
    except (ValueError, RecursionError):
        answer = None
    if not 200 <= status <= 299:
        return _refusal(status, answer)
    if not isinstance(answer, dict) or answer.get("ok") is not True:
        return Refusal(UNEXPECTED)
    result = answer.get("result")
    match method:
        case "sendMessage":
            message_id = result.get("message_id") if isinstance(result, dict) else None
            # A bool is an int, too.
            fits = type(message_id) is int and 1 <= message_id <= _MOST_MESSAGE_ID
            return message_id if fits else Refusal(UNEXPECTED)
        case "getMe":
            username = result.get("username") if isinstance(result, dict) else None
            fits = isinstance(username, str) and username.isascii() and username.isidentifier() and len(username) <= 64
            return username if fits else Refusal(UNEXPECTED)
    return True


def _refusal(status: int, answer: Any) -> Refusal:
    """What an answer other than 2xx means: Telegram's is an object with ok: false and the status as error_code."""
    if not isinstance(answer, dict) or answer.get("ok") is not False or answer.get("error_code") != status:
        # A proxy on the way refuses with the same numbers; the gateway before Telegram has none but these.
        return Refusal(SERVER_ERROR if 500 <= status <= 599 else UNEXPECTED)
    description = _readable(answer.get("description"))
    parameters = answer.get("parameters")
    parameters = parameters if isinstance(parameters, dict) else {}
    kind = kind_of(status, description)
    if kind is RATE_LIMITED:
        return Refusal(kind, _seconds(parameters.get("retry_after")), description or None)
    moved_to = parameters.get("migrate_to_chat_id")
    if status == 400 and type(moved_to) is int and moved_to < 0 and moved_to > -(10 ** (_MOST_ID_CHARACTERS - 1)):
        return Refusal(MIGRATED, None, description or None, moved_to)
    return Refusal(kind, None, description or None)


def _readable(description: Any) -> str:
    """What every database can store and every log can show, in one line; Telegram's descriptions are English."""
    text = description[:_MOST_CHARACTERS] if isinstance(description, str) else ""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def _seconds(asked: Any) -> int:
    # NaN is not above 0.
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not asked > 0:
        return _RETRY_AFTER
    if asked > _LONGEST_WAIT:
        # A faulty answer would hold up all workers.
        log.warning("telegram.wait_capped", asked=f"{asked}"[:20], seconds=_LONGEST_WAIT)
        return _LONGEST_WAIT
    return math.ceil(asked)
