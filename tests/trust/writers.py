"""Clients that note what the server has acknowledged, so that afterwards nothing of it may be missing."""

import itertools
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

import psycopg

from tests.concurrency.load import COLUMNS, INSERT, INSERT_BROADCAST, PAIR, REST
from tools import databases

WRITERS = 4
BULK = 300
KINDS = ("insert", "several", "older", "bulk", "move", "delete")

Pair = tuple[str, str]
Connection = psycopg.Connection[tuple[Any, ...]]

_numbers = itertools.count(1)


@dataclass
class UnderWay:
    """What became of the requests that nobody had answered when something was killed, all kills together."""

    count: int = 0
    committed: int = 0

    def note(self, committed: bool | None) -> None:
        """One client's: whether it was committed, None if nothing was under way."""
        self.count += committed is not None
        self.committed += committed is True

    def __str__(self) -> str:
        missing = self.count - self.committed
        return f"of {self.count} under way {self.committed} turned out committed and {missing} not, none of them half"


@dataclass
class Change:
    """What one transaction does."""

    added: dict[Pair, UUID] = field(default_factory=dict)
    removed: set[Pair] = field(default_factory=set)


@dataclass
class Writer:
    """One client with channels of its own: what was acknowledged, and what was under way when the server went away.

    Args:
        client: whose channels.
        rng: decides what is written.
        pause: seconds between two transactions.
        weights: how often it does each of KINDS.
        committed_at: when each COMMIT was answered, by time.time().
    """

    client: UUID
    rng: random.Random
    pause: float = 0
    weights: tuple[int, ...] = (4, 2, 2, 1, 2, 1)
    acknowledged: dict[Pair, UUID] = field(default_factory=dict)
    under_way: Change | None = None
    transactions: int = 0
    channels: int = 0
    committed_at: list[float] = field(default_factory=list)
    wrong: str = ""

    def write(self, url: str, stop: threading.Event) -> None:
        """Write until told to stop, or until the server is gone."""
        try:
            with databases.connect(url, autocommit=False) as conn:
                while not stop.wait(self.pause):
                    self._transaction(conn)
        except psycopg.OperationalError:  # the server is gone
            return
        except Exception as error:  # a fault, and no reason to hang
            self.wrong = repr(error)

    def _transaction(self, conn: Connection) -> None:
        change = self.under_way = Change()
        kind = self.rng.choices(KINDS, self.weights)[0]
        if kind in ("move", "delete") and self.acknowledged:
            pair = self.rng.choice(tuple(self.acknowledged))
            change.removed.add(pair)
            if kind == "delete":
                conn.execute(f"DELETE FROM main_clients_database WHERE {PAIR}".encode(), pair)
            else:
                new = _new_pair()
                change.added[new] = self.acknowledged[pair]
                conn.execute(
                    f"UPDATE main_clients_database SET open_channel_id = %s, closed_channel_id = %s WHERE {PAIR}",
                    (*new, *pair),
                )
        elif kind == "older":
            pair = _new_pair()
            conn.execute(INSERT.encode(), (*pair, self.client, *REST))
            row = conn.execute(INSERT_BROADCAST.encode(), (self.client, *pair)).fetchone()
            assert row is not None
            change.added[pair] = row[0]
        else:
            pairs = [_new_pair() for _ in range({"several": 10, "bulk": BULK}.get(kind, 1))]
            with conn.cursor() as cursor, cursor.copy(_COPY) as copy:
                for pair in pairs:
                    copy.write_row((*pair, self.client, *REST))
            change.added.update(_ids(conn, pairs))
        conn.commit()
        self.under_way = None
        self.committed_at.append(time.time())
        self.transactions += 1
        self.channels += len(change.added)
        self.apply(change)

    def apply(self, change: Change) -> None:
        """Note a change as made."""
        for pair in change.removed:
            del self.acknowledged[pair]
        self.acknowledged.update(change.added)

    def check(self, conn: Connection) -> bool | None:
        """Compare with what is there; tells whether what was under way has been committed, None if nothing was.

        Raises:
            AssertionError: something acknowledged is missing, or half a transaction is there.
        """
        found = channels_of(conn, self.client)
        change, self.under_way = self.under_way, None
        if found == self.acknowledged:
            return None if change is None else False
        assert change is not None, _difference(found, self.acknowledged)
        self.apply(change)
        assert found == self.acknowledged, _difference(found, self.acknowledged)
        return True


def channels_of(conn: Connection, client: UUID) -> dict[Pair, UUID]:
    """A client's channels as they are, each with the id of its broadcast row (None where that is missing)."""
    rows = conn.execute(
        "SELECT c.open_channel_id, c.closed_channel_id, b.id FROM main_clients_database AS c LEFT JOIN"
        " broadcast_manager AS b ON b.open_channel_id = c.open_channel_id"
        " AND b.closed_channel_id = c.closed_channel_id AND b.client_id = c.client_id WHERE c.client_id = %s",
        [client],
    )
    return {(str(row[0]), str(row[1])): row[2] for row in rows}


_COPY = f"COPY main_clients_database ({COLUMNS}) FROM STDIN".encode()


class Writes(Protocol):
    """Whoever writes until it is told to stop, and keeps what it did not expect."""

    wrong: str

    def write(self, url: str, stop: threading.Event) -> None:
        """Write to the server or the API at this address."""


@contextmanager
def writing(url: str, writers: Sequence[Writes]) -> Iterator[None]:
    """Let all of them write for as long as the block lasts."""
    stop = threading.Event()
    threads = [threading.Thread(target=writer.write, args=(url, stop), daemon=True) for writer in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
    assert not any(thread.is_alive() for thread in threads), "a writer hangs"
    assert [writer.wrong for writer in writers if writer.wrong] == []


def new_writers(url: str, seed: int, count: int = WRITERS) -> list[Writer]:
    """Writers with users of their own."""
    with databases.connect(url) as conn:
        return [Writer(databases.add_user(conn), random.Random(f"{seed} {n}")) for n in range(count)]


def wait_for_transactions(writers: list[Writer], count: int) -> None:
    """Wait until they have had so many more transactions acknowledged, all together.

    Raises:
        AssertionError: they did not within a minute.
    """
    goal = sum(writer.transactions for writer in writers) + count
    pause = threading.Event()
    for _ in range(60_000):
        if sum(writer.transactions for writer in writers) >= goal:
            return
        pause.wait(0.001)
    raise AssertionError(f"no {count} transactions within a minute: {[writer.wrong for writer in writers]}")


def _new_pair() -> Pair:
    number = next(_numbers)
    return f"-1003{number:09}", f"-1004{number:09}"


def _ids(conn: Connection, pairs: list[Pair]) -> dict[Pair, UUID]:
    rows = conn.execute(
        "SELECT b.open_channel_id, b.closed_channel_id, b.id FROM broadcast_manager AS b INNER JOIN"
        " unnest(%s::text[], %s::text[]) AS p (o, c) ON b.open_channel_id = p.o AND b.closed_channel_id = p.c",
        [[pair[0] for pair in pairs], [pair[1] for pair in pairs]],
    )
    ids = {(row[0], row[1]): row[2] for row in rows}
    assert ids.keys() == set(pairs), "G1: a channel without its row in the transaction that inserted it"
    return ids


def _difference(found: dict[Pair, UUID], acknowledged: dict[Pair, UUID]) -> str:
    missing, extra = acknowledged.keys() - found.keys(), found.keys() - acknowledged.keys()
    return f"{len(missing)} acknowledged channels are missing, {len(extra)} are there that nobody knows of"
