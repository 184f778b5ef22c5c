"""Clients that all write to the same few channels: random operations, rollbacks, savepoints, killed connections."""

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg import IsolationLevel

from tools import databases

WRITERS = 8
USERS = [uuid.UUID(int=n << 80) for n in range(1, 9)]
PAIRS = [(f"-1009{n:09}", f"-1008{n:09}") for n in range(50)]

Connection = psycopg.Connection[tuple[Any, ...]]
Pair = tuple[str, str]


class Failure(NamedTuple):
    """An error as the server reports it."""

    kind: str
    sqlstate: str
    constraint: str


@dataclass
class Load:
    """What a run did.

    Args:
        rule: the database has the rule, so that rows made by it can be asked for.
        ordered: keep to the lock order of the docs; otherwise lock in whatever order.
        kinds: what the writers do; all there is when empty.
        seed: repeats the choices of each writer (not their interleaving).
    """

    url: str
    seed: int
    rule: bool = True
    ordered: bool = False
    kinds: Sequence["Operation"] = ()
    commits: Counter[str] = field(default_factory=Counter)
    failures: Counter[Failure] = field(default_factory=Counter)
    rollbacks: int = 0
    kills: int = 0
    wrong: list[str] = field(default_factory=list)

    def run(self, seconds: float, enough: Callable[["Load"], bool], at_most: float) -> None:
        """Run all writers for `seconds` and until there is `enough`, but no longer than `at_most`."""
        with databases.connect(self.url) as conn:
            for user in USERS:
                databases.add_user(conn, user)
        started, stop = time.monotonic(), threading.Event()
        self._pids: dict[int, int] = {}
        threads = [threading.Thread(target=self._write, args=(n, stop), daemon=True) for n in range(WRITERS)]
        threads.append(threading.Thread(target=self._kill, args=(stop,), daemon=True))
        for thread in threads:
            thread.start()
        while (lasted := time.monotonic() - started) < at_most and (lasted < seconds or not enough(self)):
            stop.wait(0.1)
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
            assert not thread.is_alive(), "a writer hangs"

    def _write(self, number: int, stop: threading.Event) -> None:
        rng = random.Random(f"{self.seed} {number}")
        conn: Connection | None = None
        while not stop.is_set():
            try:
                if conn is None or conn.closed:
                    conn = databases.connect(self.url, autocommit=False)
                    self._pids[number] = conn.info.backend_pid
                self._transaction(conn, rng, rng.choice(self.kinds or KINDS))
            except Exception as error:  # a fault of the test or the rule, and no reason to hang
                self.wrong.append(repr(error))
                return
        if conn is not None:
            conn.close()

    def _transaction(self, conn: Connection, rng: random.Random, operation: "Operation") -> None:
        kind = operation.__name__
        try:
            conn.isolation_level = (
                IsolationLevel.READ_COMMITTED
                if self.ordered or rng.random() < 0.8
                else rng.choice(list(IsolationLevel))
            )
            if rng.random() < 0.1:
                with conn.transaction():
                    with conn.transaction() as savepoint:
                        operation(self, conn, rng)
                        raise psycopg.Rollback(savepoint)
                    operation(self, conn, rng)
            elif rng.random() < 0.1:
                with conn.transaction() as outer:
                    operation(self, conn, rng)
                    raise psycopg.Rollback(outer)
                self.rollbacks += 1
                return
            else:
                with conn.transaction():
                    operation(self, conn, rng)
            self.commits[kind] += 1
        except psycopg.Rollback:  # asked for above, and then the connection was killed
            self.rollbacks += 1
        except psycopg.Error as error:
            if (error.sqlstate or "").startswith("XX"):
                print(f"internal error in {kind}: {error}")
            self.failures[Failure(kind, error.sqlstate or "connection lost", error.diag.constraint_name or "")] += 1

    def _kill(self, stop: threading.Event) -> None:
        rng = random.Random(f"{self.seed} kill")
        with databases.connect(self.url) as conn:
            while not stop.wait(rng.random()):
                conn.execute("SELECT pg_terminate_backend(%s)", [rng.choice(list(self._pids.values()))])
                self.kills += 1

    def some_pairs(self, rng: random.Random, count: int) -> list[Pair]:
        """Pairs to work on in one transaction, sorted where the lock order is kept."""
        pairs = rng.sample(PAIRS, count)
        return sorted(pairs) if self.ordered else pairs

    def owner(self, conn: Connection, rng: random.Random) -> uuid.UUID:
        """A user to own a channel; in the lock order it is locked before the channel."""
        user = rng.choice(USERS)
        if self.ordered:
            conn.execute("SELECT FROM registered_users WHERE user_id = %s FOR KEY SHARE", [user])
        return user

    def lock_channel(self, conn: Connection, pair: Pair) -> bool:
        """In the lock order the channel comes before its broadcast row; False where there is none to lock."""
        if not self.ordered:
            return True
        found = conn.execute(f"SELECT FROM main_clients_database WHERE {PAIR} FOR UPDATE", pair)
        return found.rowcount == 1

    def expect(self, right: bool, what: str) -> None:
        """Note what must not be, without stopping the load."""
        if self.rule and not right:
            self.wrong.append(what)

    def expect_id(self, conn: Connection, pair: Pair, told: tuple[Any, ...] | None) -> None:
        """The row that an INSERT returned is the one that is there.

        Asked by its id: a snapshot older than another client's DELETE shows the row of the channel before, too.
        """
        found = conn.execute(f"SELECT id FROM broadcast_manager WHERE {PAIR} AND id = %s", (*pair, *(told or [None])))
        self.expect(found.fetchone() == told, f"G6: the id told for {pair} is not that of its row")


Operation = Callable[[Load, Connection, random.Random], None]

PAIR = "open_channel_id = %s AND closed_channel_id = %s"
COLUMNS = (
    "open_channel_id, closed_channel_id, client_id, open_channel_title, open_channel_description,"
    " closed_channel_title, closed_channel_description, closed_channel_donation_message, sub_1_price, sub_1_time,"
    " client_wallet_address, client_payout_currency, client_payout_network"
)
REST = ("open", "open", "closed", "closed", "thanks", 5, 30, "0x71C7656EC7ab88b098defB751B7401B5f6d8976F", "ETH", "ETH")
MARKS = f"({', '.join(['%s'] * 13)})"
INSERT = f"INSERT INTO main_clients_database ({COLUMNS}) VALUES {MARKS}"
INSERT_BROADCAST = (
    "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s) RETURNING id"
)


def insert_channel(load: Load, conn: Connection, rng: random.Random) -> None:
    user, pair = load.owner(conn, rng), rng.choice(PAIRS)
    conn.execute(INSERT.encode(), (*pair, user, *REST))
    load.expect(databases.broadcast_id(conn, pair) is not None, "G1: no row after INSERT")


def insert_several(load: Load, conn: Connection, rng: random.Random) -> None:
    user, pairs = load.owner(conn, rng), load.some_pairs(rng, 3)
    values = ", ".join([MARKS] * len(pairs))
    done = conn.execute(
        f"INSERT INTO main_clients_database ({COLUMNS}) VALUES {values} ON CONFLICT DO NOTHING".encode(),
        [value for pair in pairs for value in (*pair, user, *REST)],
    )
    load.expect(done.rowcount < 3 or all(databases.broadcast_id(conn, p) for p in pairs), "G1: no row after several")


def upsert_channels(load: Load, conn: Connection, rng: random.Random) -> None:
    user = load.owner(conn, rng)
    for pair in load.some_pairs(rng, 2):
        conn.execute(
            f"{INSERT} ON CONFLICT (open_channel_id, closed_channel_id) DO UPDATE SET updated_at = now()".encode(),
            (*pair, user, *REST),
        )
        load.expect(databases.broadcast_id(conn, pair) is not None, "G1: no row after upsert")


def copy_channels(load: Load, conn: Connection, rng: random.Random) -> None:
    # The deletes of all pairs come before the first row: in the lock order that leaves one pair.
    user, pairs = load.owner(conn, rng), load.some_pairs(rng, 1 if load.ordered else 2)
    # As a loader does that replaces what was there.
    for pair in pairs:
        conn.execute(f"DELETE FROM main_clients_database WHERE {PAIR}".encode(), pair)
    with conn.cursor() as cursor, cursor.copy(f"COPY main_clients_database ({COLUMNS}) FROM STDIN".encode()) as copy:
        for pair in pairs:
            copy.write_row((*pair, user, *REST))
    load.expect(all(databases.broadcast_id(conn, p) for p in pairs), "G1: no row after COPY")


def insert_as_older_client(load: Load, conn: Connection, rng: random.Random) -> None:
    user, pair = load.owner(conn, rng), rng.choice(PAIRS)
    conn.execute(INSERT.encode(), (*pair, user, *REST))
    row = conn.execute(INSERT_BROADCAST.encode(), (user, *pair)).fetchone()
    load.expect_id(conn, pair, row)


def insert_as_older_client_by_cte(load: Load, conn: Connection, rng: random.Random) -> None:
    user, pair = load.owner(conn, rng), rng.choice(PAIRS)
    row = conn.execute(
        f"WITH c AS ({INSERT} RETURNING client_id, open_channel_id, closed_channel_id) INSERT INTO broadcast_manager"
        " (client_id, open_channel_id, closed_channel_id) SELECT * FROM c RETURNING id".encode(),
        (*pair, user, *REST),
    ).fetchone()
    load.expect_id(conn, pair, row)


def update_pairs(load: Load, conn: Connection, rng: random.Random) -> None:
    # A pair that is not there cannot be locked, so only the way up keeps the order.
    old, new = load.some_pairs(rng, 2)
    conn.execute(
        f"UPDATE main_clients_database SET open_channel_id = %s, closed_channel_id = %s WHERE {PAIR}".encode(),
        (*new, *old),
    )


def update_owners(load: Load, conn: Connection, rng: random.Random) -> None:
    user = load.owner(conn, rng)
    for pair in load.some_pairs(rng, 2):
        conn.execute(f"UPDATE main_clients_database SET client_id = %s WHERE {PAIR}".encode(), (user, *pair))


def update_titles(load: Load, conn: Connection, rng: random.Random) -> None:
    for pair in load.some_pairs(rng, 3):
        conn.execute(f"UPDATE main_clients_database SET open_channel_title = 'x' WHERE {PAIR}".encode(), pair)


def delete_channels(load: Load, conn: Connection, rng: random.Random) -> None:
    for pair in load.some_pairs(rng, 2):
        conn.execute(f"DELETE FROM main_clients_database WHERE {PAIR}".encode(), pair)


def update_broadcasts(load: Load, conn: Connection, rng: random.Random) -> None:
    for pair in load.some_pairs(rng, 3):
        conn.execute(
            "UPDATE broadcast_manager SET broadcast_status = 'completed', total_broadcasts = total_broadcasts + 1"
            f" WHERE {PAIR}".encode(),
            pair,
        )


def update_channel_and_broadcast(load: Load, conn: Connection, rng: random.Random) -> None:
    pair = rng.choice(PAIRS)
    if load.lock_channel(conn, pair):
        conn.execute(f"UPDATE broadcast_manager SET is_active = true WHERE {PAIR}".encode(), pair)
        conn.execute(f"UPDATE main_clients_database SET updated_at = now() WHERE {PAIR}".encode(), pair)


def delete_broadcasts_then_channels(load: Load, conn: Connection, rng: random.Random) -> None:
    for pair in load.some_pairs(rng, 2):
        if load.lock_channel(conn, pair):
            conn.execute(f"DELETE FROM broadcast_manager WHERE {PAIR}".encode(), pair)
            conn.execute(f"DELETE FROM main_clients_database WHERE {PAIR}".encode(), pair)


def update_user(load: Load, conn: Connection, rng: random.Random) -> None:
    del load
    conn.execute("UPDATE registered_users SET last_login = now() WHERE user_id = %s", [rng.choice(USERS)])


def upsert_user(load: Load, conn: Connection, rng: random.Random) -> None:
    del load
    user = rng.choice(USERS)
    conn.execute(
        "INSERT INTO registered_users (user_id, username, email, password_hash) VALUES (%s, %s, %s, 'x')"
        " ON CONFLICT (user_id) DO UPDATE SET is_active = true",
        [user, user.hex, user.hex],
    )


def delete_user(load: Load, conn: Connection, rng: random.Random) -> None:
    user = rng.choice(USERS)
    if load.ordered:
        conn.execute("SELECT FROM registered_users WHERE user_id = %s FOR UPDATE", [user])
        conn.execute(
            "SELECT FROM main_clients_database WHERE client_id = %s"
            " ORDER BY open_channel_id, closed_channel_id FOR UPDATE",
            [user],
        )
        conn.execute(
            "SELECT FROM broadcast_manager WHERE client_id = %s ORDER BY open_channel_id, closed_channel_id FOR UPDATE",
            [user],
        )
    conn.execute("DELETE FROM registered_users WHERE user_id = %s", [user])
    databases.add_user(conn, user)


def provoke_channel_without_row(load: Load, conn: Connection, rng: random.Random) -> None:
    del load
    conn.execute(f"DELETE FROM broadcast_manager WHERE {PAIR}".encode(), rng.choice(PAIRS))


def provoke_row_without_channel(load: Load, conn: Connection, rng: random.Random) -> None:
    del load
    conn.execute(INSERT_BROADCAST.encode(), (rng.choice(USERS), "-100", f"-{rng.randrange(10**6)}"))


def provoke_other_pair(load: Load, conn: Connection, rng: random.Random) -> None:
    del load
    conn.execute(
        f"UPDATE broadcast_manager SET open_channel_id = '-100', closed_channel_id = %s WHERE {PAIR}".encode(),
        (f"-{rng.randrange(10**6)}", *rng.choice(PAIRS)),
    )


def provoke_truncate(load: Load, conn: Connection, rng: random.Random) -> None:
    del load, rng
    conn.execute("TRUNCATE broadcast_manager CASCADE")


WRITES: tuple[Operation, ...] = (
    insert_channel,
    insert_several,
    upsert_channels,
    copy_channels,
    insert_as_older_client,
    insert_as_older_client_by_cte,
    update_pairs,
    update_owners,
    update_titles,
    delete_channels,
    update_broadcasts,
    update_channel_and_broadcast,
    delete_broadcasts_then_channels,
    update_user,
    upsert_user,
    delete_user,
)
PROVOCATIONS: tuple[Operation, ...] = (
    provoke_channel_without_row,
    provoke_row_without_channel,
    provoke_other_pair,
    provoke_truncate,
)
KINDS = WRITES + PROVOCATIONS
