"""A client of the stand-in for the Bot API: order faults, look at what it has got and what it was asked."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


def until(look: Callable[[], T], what: str, seconds: float = 30) -> T:
    """Look until there is something true to see, and give that.

    Raises:
        AssertionError: the deadline is over.
    """
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        # Only so as not to take the processor from whom we wait for.
        time.sleep(0.01)
    return seen


class Telegram:
    """A running stand-in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, timeout=30)

    def order(self, fault: str, **fields: Any) -> None:
        """Have the next call that fits go wrong; fields as in tools.bot_api.chats.Fault."""
        assert self.http.post("/faults", json={"fault": fault, **fields}).status_code == 200

    def release(self) -> None:
        """Let held requests go on."""
        self.http.post("/release")

    def add_earlier(self, chat_id: str, message_id: int) -> None:
        """Put a message there from before."""
        self.http.post("/messages", json={"chat_id": chat_id, "message_id": message_id})

    def messages(self, chat_id: str | None = None, *, deleted: bool = True) -> list[dict[str, Any]]:
        """What was sent, also what was deleted again."""
        found: list[dict[str, Any]] = self.http.get("/messages").json()
        return [m for m in found if chat_id in (None, m["chat_id"]) and (deleted or not m["deleted"])]

    def requests(self, method: str = "sendMessage", chat_id: str | None = None) -> list[dict[str, Any]]:
        """What was asked, in order; answer is None while it is under way."""
        found: list[dict[str, Any]] = self.http.get("/requests").json()
        return [r for r in found if r["method"] == method and chat_id in (None, r["chat_id"])]

    def sent(self) -> Counter[str]:
        """How many messages each chat has got."""
        return Counter(message["chat_id"] for message in self.messages())
