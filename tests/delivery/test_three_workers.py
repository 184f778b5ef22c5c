"""Workers that are killed: nothing is sent twice, and what is not known to be sent is known to be unknown."""

import random
from collections import Counter
from collections.abc import Callable
from functools import partial

from tests.delivery.broadcasts import Conn, add_broadcast
from tests.delivery.conftest import Process
from tests.delivery.telegram import Telegram, until

BROADCASTS = 200
WORKERS = 3


def test_three_workers_are_killed_all_the_time_and_no_message_is_sent_twice(
    conn: Conn, client: object, start_worker: Callable[..., Process], telegram: Telegram, seed: int
) -> None:
    del client
    chance = random.Random(seed)
    conn.execute("UPDATE broadcast_manager_settings SET claim_lease = '3 s', messages_per_second = 60")
    broadcasts = [add_broadcast(conn) for _ in range(BROADCASTS)]
    # A little of everything that may go wrong besides.
    telegram.order("cut_before", method="sendMessage", chat_id=chance.choice(broadcasts).open_id)
    telegram.order("cut_after", method="sendMessage", chat_id=chance.choice(broadcasts).closed_id)
    telegram.order("rate_limited", method="sendMessage", chat_id=chance.choice(broadcasts).closed_id)
    workers = [start_worker(poll_seconds=0.5) for _ in range(WORKERS)]
    killed = 0

    def sent_since(count: int) -> bool:
        return len(telegram.messages()) > count or not left()

    def left() -> int:
        row = conn.execute(
            "SELECT count(*) FROM broadcast_manager WHERE broadcast_status IN ('pending', 'in_progress')"
        ).fetchone()
        assert row is not None
        return int(row[0])

    while left():
        # About a second's worth of work by the limit of 60 a second, whatever the machine is busy with.
        before = len(telegram.messages())
        until(partial(sent_since, before + 45), "the workers get on", seconds=60)
        victim = chance.randrange(WORKERS)
        workers[victim].kill()
        workers[victim].wait()
        killed += 1
        workers[victim] = start_worker(poll_seconds=0.5)
    assert killed >= 4, "too few were killed to prove anything"

    sent = telegram.sent()
    assert max(sent.values()) == 1, "a message was sent twice"
    assert max(Counter(r["chat_id"] for r in telegram.requests() if r["answer"] != 429).values()) == 1
    recorded = conn.execute(
        "SELECT p.chat_id, p.state FROM broadcast_delivery_parts AS p WHERE p.state <> 'failed'"
    ).fetchall()
    assert len(recorded) == 2 * BROADCASTS
    assert {state for _, state in recorded} <= {"sent", "unknown"}
    # What is noted as sent is there, and what is there is noted as sent or as unknown.
    assert {chat for chat, state in recorded if state == "sent"} <= set(sent)
    assert set(sent) <= {chat for chat, _ in recorded}
    unknown = sum(state == "unknown" for _, state in recorded)
    print(f"{killed} workers killed, {len(sent)} messages sent, {unknown} of {2 * BROADCASTS} parts unknown")
    assert unknown < BROADCASTS
    totals = conn.execute(
        "SELECT count(*) FILTER (WHERE d.outcome = 'sent'), count(*) FILTER (WHERE d.outcome = 'unknown'),"
        " sum(b.total_broadcasts), sum(b.successful_broadcasts), sum(b.failed_broadcasts)"
        " FROM broadcast_deliveries AS d INNER JOIN broadcast_manager AS b ON b.id = d.broadcast_id"
    ).fetchone()
    assert totals is not None
    whole, partly, total, successful, failed = totals
    assert (whole + partly, total, successful, failed) == (BROADCASTS, BROADCASTS, whole, 0)
    in_full = {chat for chat, state in recorded if state == "sent"}
    assert whole == sum(b.open_id in in_full and b.closed_id in in_full for b in broadcasts)
