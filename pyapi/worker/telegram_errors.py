"""What Telegram's answers mean: the one table by which they are told apart.

Telegram tells its 400s apart by their text only, and promises none of the texts; those below are what its
server (github.com/tdlib/telegram-bot-api) says. Whatever is not found falls to the last line of its status.
"""

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
# In an answer's parameters, and not in its text, stands the new id.
MIGRATED = Kind("migrated", "The group became a supergroup, which has another id.")
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


@dataclass(frozen=True)
class Refusal:
    """Why a request did not go through.

    Args:
        kind: which line of the table.
        retry_after: seconds to wait for, where Telegram asks for it.
        description: what Telegram said; it repeats nothing of the token.
        moved_to: the new id of a group that became a supergroup.
    """

    kind: Kind
    retry_after: int | None = None
    description: str | None = None
    moved_to: int | None = None

    def sentence(self, part: Part) -> str:
        """What people are told of it: which channel, what was wrong, what Telegram said."""
        said = f" (Telegram: {self.description})" if self.description else ""
        to_do = f" Edit the channel: its id is {self.moved_to} now." if self.moved_to else ""
        return f"{_CHANNEL[part]}: {self.kind.sentence}{to_do}{said}"


def kind_of(status: int, description: str) -> Kind:
    """The first line of the table that fits."""
    said = description.lower()
    return next(kind for low, high, words, kind in TABLE if low <= status <= high and words in said)
