"""Kills workers with SIGKILL while they send, again and again, and compares what is noted with what Telegram got.

`python -m tests.delivery.workers_killed --kills 50` prints the counts.
"""

import argparse
import logging
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from tests.delivery.accounting import Account, balance
from tests.delivery.broadcasts import Broadcast, Conn, add_broadcast
from tests.delivery.conftest import WORKER_PASSWORD, Process, create_worker_login, start_process
from tools import databases, servers
from tools.bot_api.server import running
from tools.telegram import Telegram, until

BROADCASTS = 200
WORKERS = 3
CONCURRENCY = 10
# More than half a second's worth of work by the limit of 80 a second, whatever the machine is busy with.
PARTS_BETWEEN = 45
# As many as each round is sure to see, even if each of them leaves as many parts unknown as it can.
KILLS_OF_A_ROUND = 7
# Seconds that Telegram takes for an answer, so that a kill finds requests under way.
SLOW = 0.2
# A little of everything that may go wrong besides, once for each round. The first two leave a part unknown.
FAULTS = ("cut_before", "cut_after", "rate_limited")
CUTS = 2


@dataclass
class Counts:
    """What a run saw, all rounds together; account is that of the last."""

    rounds: int = 0
    kills: int = 0
    account: Account = field(default_factory=lambda: Account(0, 0, 0, 0, 0))

    def __str__(self) -> str:
        return f"{self.kills} kills; {self.rounds * BROADCASTS} broadcasts, {self.account}"


def kill_often(
    conn: Conn, telegram: Telegram, start: Callable[[], Process], rounds: int, seed: int, counts: Counts
) -> None:
    """Have so many rounds of broadcasts sent while workers are killed, and check after each.

    Args:
        conn: the database, as its owner; nothing else is to be sent there.
        telegram: a fake of which the same is true.
        start: starts a worker that sends CONCURRENCY broadcasts at once.
        rounds: how often every broadcast is sent.
        seed: of who is killed.
        counts: what was seen.

    Raises:
        AssertionError: what is noted is not what Telegram got, or more is unknown than kills and faults explain.
    """
    chance = random.Random(seed)
    conn.execute(
        "UPDATE broadcast.settings SET claim_lease = '4 s', messages_per_second = 80, chat_interval = NULL,"
        " manual_trigger_interval = '0'"
    )
    broadcasts = [add_broadcast(conn) for _ in range(BROADCASTS)]
    for fault in FAULTS * rounds:
        broadcast = chance.choice(broadcasts)
        telegram.order(fault, method="sendMessage", chat_id=chance.choice((broadcast.open_id, broadcast.closed_id)))
    telegram.order("slow", seconds=SLOW, count=sys.maxsize)
    with _working(start) as workers:
        for number in range(1, rounds + 1):
            if number > 1:
                conn.execute("SELECT broadcast.request_broadcast(id, client_id) FROM broadcast_manager")
            _kill_in_a_round(conn, workers, start, chance, counts)
            counts.rounds = number
            counts.account = balance(conn, telegram)
            _check(conn, telegram, broadcasts, rounds, counts)
            assert counts.kills == number * KILLS_OF_A_ROUND, f"a round ended before its last kill: {counts}"


def _kill_in_a_round(
    conn: Conn, workers: list[Process], start: Callable[[], Process], chance: random.Random, counts: Counts
) -> None:
    before = _sent(conn)
    for kill in range(1, KILLS_OF_A_ROUND + 1):
        goal = before + kill * PARTS_BETWEEN
        until(partial(_has_sent_or_ended, conn, goal), "the workers get on", seconds=60)
        if not _left(conn):
            return
        victim = chance.randrange(WORKERS)
        workers[victim].kill()
        workers[victim].wait()
        counts.kills += 1
        workers[victim] = start()
    until(lambda: not _left(conn), "the round ends", seconds=120)


def _check(conn: Conn, telegram: Telegram, broadcasts: list[Broadcast], rounds: int, counts: Counts) -> None:
    account = counts.account
    assert (account.twice, account.lost) == (0, 0), str(counts)
    assert account.sent + account.unknown == counts.rounds * 2 * BROADCASTS, str(counts)
    # A worker has no more parts under way than broadcasts at once.
    most = counts.kills * CONCURRENCY + rounds * CUTS
    assert account.unknown <= most, f"kills and faults explain {most} unknown parts: {counts}"
    # What is cut off after it was stored is among them, once for each round.
    assert account.unknown_sent > rounds, f"nobody was killed in mid-request: {counts}"
    totals = conn.execute(
        "SELECT sum(total_broadcasts), sum(successful_broadcasts), sum(failed_broadcasts) FROM broadcast_manager"
    ).fetchone()
    outcomes = dict[str, int](
        conn.execute("SELECT outcome, count(*) FROM broadcast.deliveries GROUP BY outcome").fetchall()
    )
    assert outcomes.keys() <= {"sent", "unknown"}
    assert totals == (counts.rounds * BROADCASTS, outcomes.get("sent", 0), 0)
    whole = conn.execute(
        "SELECT count(*) FROM (SELECT FROM broadcast.delivery_parts WHERE state = 'sent'"
        " GROUP BY delivery_id HAVING count(*) = 2) AS both_sent"
    ).fetchone()
    assert whole == (outcomes.get("sent", 0),)
    _check_deleted(conn, telegram, broadcasts)


def _check_deleted(conn: Conn, telegram: Telegram, broadcasts: list[Broadcast]) -> None:
    """Of the messages whose ids are known only those of the last delivery stand."""
    known: dict[tuple[str, int], bool] = {
        (chat, message_id): last
        for chat, message_id, last in conn.execute(
            "SELECT p.chat_id, p.message_id, d.id = max(d.id) OVER (PARTITION BY d.broadcast_id)"
            " FROM broadcast.delivery_parts AS p INNER JOIN broadcast.deliveries AS d ON d.id = p.delivery_id"
            " WHERE p.state IN ('sent', 'unknown')"
        ).fetchall()
    }
    chats = {chat for broadcast in broadcasts for chat in (broadcast.open_id, broadcast.closed_id)}
    for message in telegram.messages():
        of = message["chat_id"], message["message_id"]
        assert message["chat_id"] in chats
        if of in known:
            assert message["deleted"] != known[of], f"{of} {'is deleted' if known[of] else 'still stands'}"


def _sent(conn: Conn) -> int:
    return _number(conn, "SELECT count(*) FROM broadcast.delivery_parts WHERE state = 'sent'")


def _has_sent_or_ended(conn: Conn, count: int) -> bool:
    return _sent(conn) >= count or not _left(conn)


def _left(conn: Conn) -> int:
    return _number(conn, "SELECT count(*) FROM broadcast_manager WHERE broadcast_status IN ('pending', 'in_progress')")


def _number(conn: Conn, query: str) -> int:
    row = conn.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _working(start: Callable[[], Process]) -> Iterator[list[Process]]:
    workers = [start() for _ in range(WORKERS)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def worker_starter(url: str, telegram: Telegram) -> Callable[[], Process]:
    """What starts a worker for kill_often(), as the role that the URL names."""

    def start() -> Process:
        # What nobody reads would fill a pipe, and hold the worker up.
        return start_process(
            "worker", url, telegram, poll_seconds=0.5, concurrency=CONCURRENCY, stderr=subprocess.DEVNULL
        )

    return start


def main() -> int:
    """Kill at least as often as asked for and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.delivery.workers_killed", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    arguments, picked = servers.parse_run(parser)
    # The fake tells of each request that a killed worker leaves it with.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    rounds = -(-arguments.kills // KILLS_OF_A_ROUND)
    began, counts, wrong = time.monotonic(), Counts(), ""
    with picked.run() as server_url, databases.upgraded_database(server_url) as url, running() as telegram_url:
        as_worker = databases.at(url, databases.name_of(url), create_worker_login(server_url), WORKER_PASSWORD)
        telegram = Telegram(telegram_url)
        with databases.connect(url) as conn, telegram.http:
            try:
                kill_often(conn, telegram, worker_starter(as_worker, telegram), rounds, arguments.seed, counts)
            except AssertionError as error:
                wrong = f"{error}\n"
    print(f"{wrong}{counts}\n{time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
