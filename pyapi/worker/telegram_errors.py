"""What Telegram's answers mean: the one table by which they are told apart.

Telegram tells its 400s apart by their text only, and promises none of the texts; those below are what its
server (github.com/tdlib/telegram-bot-api) says. Whatever is not found falls to the last line of its status.
"""

import json
from dataclasses import dataclass
from typing import Literal

from pyapi.channels.messages import Part

State = Literal["failed", "unknown"]

_CHANNEL: dict[Part, str] = {"open": "Open channel", "closed": "Closed channel"}


@dataclass(frozen=True)
class Kind:
    """One kind of answer, or of silence.

    Args:
        code: its short name, stored as error_code and known to finish_broadcast().
        sentence: what people are told, with what to do.
        state: whether the message was surely not sent (failed) or nobody knows (unknown).
    """

    code: str
    sentence: str
    state: State = "failed"


KICKED = Kind("kicked", "The bot is no member here. Add it as an administrator who may post messages.")
CHAT_NOT_FOUND = Kind("chat_not_found", "Telegram knows no such chat. Check the channel's id, and add the bot to it.")
NO_RIGHTS = Kind("no_rights", "The bot may not post here. Make it an administrator who may post messages.")
MESSAGE_GONE = Kind("message_gone", "The message was deleted already.")
MESSAGE_KEPT = Kind("message_kept", "Telegram does not let the bot delete the old message any more.")
BAD_REQUEST = Kind("bad_request", "Telegram refused the message.")
UNAUTHORIZED = Kind(
    "unauthorized", "Telegram does not accept the bot's token: an operator must set TELEGRAM_BOT_TOKEN anew."
)
RATE_LIMITED = Kind("rate_limited", "Telegram asks to wait before more is sent.")
# A gateway's 502 or 504 comes when the server behind it may have done its work, and a server that is
# restarted answers 500 to what it has under way.
SERVER_ERROR = Kind("server_error", "Telegram had a fault of its own.", "unknown")
UNEXPECTED = Kind("unexpected_answer", "Something that is not Telegram answered.", "unknown")
NO_ANSWER = Kind("no_answer", "The request was sent, and no answer came.", "unknown")
NETWORK = Kind("network", "Telegram could not be reached.")
NOT_DELETED = Kind("not_deleted", "The message of last time could not be deleted, so no new one was sent.")
CLAIM_LOST = Kind("worker_stopped", "The worker was held up until its time was over.")
STOPPED = Kind("worker_stopped", "The worker was stopped before it was this message's turn.")

# Lowest and highest status, words of the description in lower case ("" fits any), what it is: the first fit counts.
TABLE: tuple[tuple[int, int, str, Kind], ...] = (
    (401, 401, "", UNAUTHORIZED),
    # Also what a malformed token gives; the methods we call are all there.
    (404, 404, "", UNAUTHORIZED),
    (403, 403, "not enough rights", NO_RIGHTS),
    (403, 403, "", KICKED),
    (429, 429, "", RATE_LIMITED),
    (400, 400, "chat not found", CHAT_NOT_FOUND),
    (400, 400, "message to delete not found", MESSAGE_GONE),
    (400, 400, "message can't be deleted", MESSAGE_KEPT),
    (400, 400, "need administrator rights", NO_RIGHTS),
    (400, 400, "not enough rights", NO_RIGHTS),
    (400, 400, "have no rights to send", NO_RIGHTS),
    (400, 499, "", BAD_REQUEST),
    (500, 599, "", SERVER_ERROR),
    (0, 999, "", UNEXPECTED),
)

# Where a 429 does not say for how long: seconds.
_RETRY_AFTER = 5


@dataclass(frozen=True)
class Refusal:
    """Why a request did not go through.

    Args:
        kind: which line of the table.
        retry_after: seconds to wait for, where Telegram asks for it.
        description: what Telegram said; it repeats nothing of the token.
    """

    kind: Kind
    retry_after: int | None = None
    description: str | None = None

    def sentence(self, part: Part) -> str:
        """What people are told of it: which channel, what was wrong, what Telegram said."""
        said = f" (Telegram: {self.description})" if self.description else ""
        return f"{_CHANNEL[part]}: {self.kind.sentence}{said}"


def refusal(status: int, body: bytes) -> Refusal:
    """What an answer other than 2xx means.

    Args:
        status: HTTP's.
        body: as it came; Telegram's is a JSON object with ok: false, the status as error_code and a description.
    """
    try:
        answer = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or answer.get("ok") is not False or answer.get("error_code") != status:
        # A proxy on the way refuses with the same numbers; the gateway before Telegram has none but these.
        return Refusal(SERVER_ERROR if 500 <= status <= 599 else UNEXPECTED)
    description = str(answer.get("description") or "")
    kind = kind_of(status, description)
    if kind is not RATE_LIMITED:
        return Refusal(kind, None, description[:200] or None)
    parameters = answer.get("parameters")
    asked = parameters.get("retry_after") if isinstance(parameters, dict) else None
    return Refusal(kind, asked if isinstance(asked, int) and asked > 0 else _RETRY_AFTER, description[:200] or None)


def kind_of(status: int, description: str) -> Kind:
    """The first line of the table that fits."""
    said = description.lower()
    return next(kind for low, high, words, kind in TABLE if low <= status <= high and words in said)
