"""Whether each message that Telegram got belongs to one part of a delivery, and to one only."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import psycopg

from tools.telegram import Telegram

Chats = defaultdict[str, list[Any]]


@dataclass(frozen=True)
class Account:
    """What the database has noted, beside what Telegram has got.

    Args:
        sent: parts noted as sent.
        unknown: parts noted as unknown.
        unknown_sent: those of them whose message Telegram has got.
        twice: messages beyond one for each part, or of no part at all.
        lost: parts noted as sent whose message Telegram has not got.
    """

    sent: int
    unknown: int
    unknown_sent: int
    twice: int
    lost: int

    def __str__(self) -> str:
        return (
            f"{self.sent} parts sent, {self.unknown} unknown ({self.unknown_sent} of them had gone out),"
            f" {self.twice} sent twice, {self.lost} lost"
        )


@dataclass
class _Part:
    state: str
    begins: float
    ends: float
    message_id: int | None
    has_message: bool = False


def balance(conn: psycopg.Connection[Any], telegram: Telegram) -> Account:
    """Give each message to the part that was to be sent to its chat at its time.

    A part has the time from the moment it might be sent until it was noted what became of it. A failed one has none.
    """
    # First what was sent: each part is noted before.
    asked, messages = telegram.requests(), telegram.messages()
    rows = conn.execute(
        "SELECT chat_id, state, extract(epoch FROM send_at)::float8,"
        " coalesce(extract(epoch FROM decided_at)::float8, 'infinity'), message_id"
        " FROM broadcast.delivery_parts WHERE state <> 'failed' ORDER BY decided_at"
    ).fetchall()
    parts, there = Chats(list), Chats(list)
    for chat, *about in rows:
        parts[chat].append(_Part(*about))
    for message in messages:
        there[message["chat_id"]].append(message["message_id"])
    twice = sum(_give_out(times, parts[chat]) for chat, times in _sent_at(asked, there).items())
    every = [(chat, part) for chat, of_chat in parts.items() for part in of_chat]
    return Account(
        sent=sum(part.state == "sent" for _, part in every),
        unknown=sum(part.state == "unknown" for _, part in every),
        unknown_sent=sum(part.state == "unknown" and part.has_message for _, part in every),
        twice=twice,
        lost=sum(part.state == "sent" and part.message_id not in there[chat] for chat, part in every),
    )


def _sent_at(asked: list[dict[str, Any]], there: Chats) -> Chats:
    """When each chat got its messages."""
    times, cut = Chats(list), Chats(list)
    for request in asked:
        if request["answer"] == 200:
            times[request["chat_id"]].append(request["at"])
        elif request["answer"] == "cut":
            cut[request["chat_id"]].append(request["at"])
    for chat, moments in cut.items():
        # Cut off after the message was stored, or before.
        times[chat] += moments[: max(0, len(there[chat]) - len(times[chat]))]
    return times


def _give_out(times: list[float], parts: list[_Part]) -> int:
    """Mark the parts that have a message, and tell how many messages are left over; parts by their ends."""
    left_over = 0
    for at in sorted(times):
        part = next((p for p in parts if p.begins <= at <= p.ends and not p.has_message), None)
        if part is None:
            left_over += 1
        else:
            part.has_message = True
    return left_over
