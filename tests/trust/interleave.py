"""Runs the steps of two or three sessions in every order, as PostgreSQL's isolation tester does.

A step that waits for another session is found by asking the server who blocks whom. The steps after it wait with it,
until another session's COMMIT lets it go on.

`python -m tests.trust.interleave` writes down what came of each order: see `EXPECTED`.
"""

import argparse
import csv
import io
import select
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import ExecStatus, TransactionStatus

from tools import databases, servers

EXPECTED = Path(__file__).with_name("interleavings.csv")
LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
# No step takes long: what has neither ended nor met a lock by then hangs.
DEADLINE_SECONDS = 60
# Who blocks whom, of the sessions named, those that wait for a safe snapshot among them.
BLOCKED = "SELECT pg_isolation_test_session_is_blocked(%s, %s), pg_blocking_pids(%s)"


class Step(NamedTuple):
    """A statement and what it is called."""

    name: str
    statement: str


COMMIT = Step("commit", "COMMIT")


@dataclass(frozen=True)
class Spec:
    """What happens at the same time.

    Args:
        setup: statements before each order, in one transaction.
        bypass: statements after those, behind the rule's back.
        sessions: the steps of each, without BEGIN.
        invariant: a query that gives no rows when all is well, beside the integrity check.
        missing: pairs whose broadcast row `bypass` took away: it may be missing afterwards, too.
    """

    name: str
    setup: tuple[str, ...]
    sessions: tuple[tuple[Step, ...], ...]
    invariant: str = "SELECT WHERE false"
    bypass: tuple[str, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()


class Outcome(NamedTuple):
    """A line of the expected file.

    Args:
        order: letters of the sessions, one a step.
        sessions: of each session: `ok` or the step that failed and its SQLSTATE, and `waited` with the steps that did.
        left: what is there afterwards.
    """

    spec: str
    level: str
    order: str
    sessions: str
    left: str


def orders(sizes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every order of so many steps of each session; the steps of one session stay in their order."""
    if not any(sizes):
        yield ()
    for session, size in enumerate(sizes):
        if size:
            rest = [*sizes[:session], size - 1, *sizes[session + 1 :]]
            for order in orders(rest):
                yield (session, *order)


@dataclass
class _Session:
    """A connection that is asked without waiting for the answer."""

    conn: psycopg.Connection[Any]
    steps: list[Step] = field(default_factory=list)
    running: Step | None = None
    failed: str = ""
    waited: list[str] = field(default_factory=list)

    @property
    def pid(self) -> int:
        return self.conn.info.backend_pid

    def start(self) -> None:
        self.running = self.steps.pop(0)
        self.conn.pgconn.send_query(self.running.statement.encode())

    def has_ended(self) -> bool:
        pgconn = self.conn.pgconn
        pgconn.consume_input()
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                self.running = None
                return True
            if result.status == ExecStatus.FATAL_ERROR and not self.failed:
                assert self.running is not None
                state = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"?"
                self.failed = f"{self.running.name} {state.decode()}"
        return False

    def outcome(self) -> str:
        text = self.failed or "ok"
        return f"{text} (waited: {', '.join(self.waited)})" if self.waited else text


class Interleaver:
    """Runs specs on one database.

    Args:
        url: a database with the rule, as its owner.
        superuser_url: the same one, as a superuser.
    """

    def __init__(self, url: str, superuser_url: str) -> None:
        self.control = databases.connect(superuser_url)
        name = databases.name_of(url)
        self.control.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '20ms'".encode())
        for table in ("registered_users", "main_clients_database", "broadcast_manager", "broadcast.deliveries"):
            # Statistics that come in the middle of a run would change plans, and with them what SERIALIZABLE refuses.
            self.control.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())
        self.conns = [databases.connect(url) for _ in range(3)]

    def close(self) -> None:
        """End all connections."""
        for conn in (*self.conns, self.control):
            conn.close()

    def run(self, spec: Spec, level: str, order: Sequence[int]) -> Outcome:
        """Run one order and check the invariant.

        Raises:
            AssertionError: the rule is broken afterwards, or a session hangs.
        """
        with self.control.transaction():
            for statement in spec.setup:
                self.control.execute(statement.encode())
        with self.control.transaction():
            self.control.execute("SET LOCAL session_replication_role = replica")
            for statement in spec.bypass:
                self.control.execute(statement.encode())
        sessions = [_Session(conn) for conn in self.conns[: len(spec.sessions)]]
        for session in sessions:
            session.conn.execute(f"BEGIN ISOLATION LEVEL {level}".encode())
        taken = [0] * len(sessions)
        for number in order:
            sessions[number].steps.append(spec.sessions[number][taken[number]])
            taken[number] += 1
            self._go_on(sessions)
        while any(s.running or s.steps for s in sessions):
            self._go_on(sessions, to_the_end=True)
        for session in sessions:
            assert session.conn.info.transaction_status == TransactionStatus.IDLE
        names = "abc"[: len(sessions)]
        if any("40P01" in s.failed for s in sessions):
            # Whom the server picks depends on the moment.
            told = "one of them 40P01"
        else:
            told = "; ".join(f"{name}: {s.outcome()}" for name, s in zip(names, sessions, strict=True))
        left = self._left(spec)
        return Outcome(spec.name, level, "".join(names[n] for n in order), told, left)

    def _go_on(self, sessions: list[_Session], *, to_the_end: bool = False) -> None:
        """Start what can be started, until everybody is idle or waits for somebody."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            moved = False
            for session in sessions:
                if session.running is None and session.steps:
                    session.start()
                if session.running is not None and session.has_ended():
                    moved = True
            running = [s for s in sessions if s.running is not None]
            if any(s.running is None and s.steps for s in sessions) or moved:
                continue
            if not running or (not to_the_end and self._all_wait(running, sessions)):
                return
            assert time.monotonic() < deadline, f"hangs: {[s.running for s in running]}"
            select.select([s.conn for s in running], [], [], 0.002)

    def _all_wait(self, running: list[_Session], sessions: list[_Session]) -> bool:
        pids = [s.pid for s in sessions]
        blockers: dict[int, set[int]] = {}
        for session in running:
            row = self.control.execute(BLOCKED, [session.pid, pids, session.pid]).fetchone()
            assert row is not None
            if not row[0]:
                return False
            blockers[session.pid] = set(row[1])
        # Those who wait for each other will not stay so.
        if any(_reaches(pid, pid, blockers) for pid in blockers):
            return False
        for session in running:
            assert session.running is not None
            if session.running.name not in session.waited:
                session.waited.append(session.running.name)
        return True

    def _left(self, spec: Spec) -> str:
        query = "SELECT check_name, open_channel_id, closed_channel_id FROM broadcast.integrity_violations"
        violations = self.control.execute(query).fetchall()
        known = [("channel_without_broadcast", *pair) for pair in spec.missing]
        assert [v for v in violations if v not in known] == [], f"{spec.name} breaks the rule"
        assert self.control.execute(spec.invariant.encode()).fetchall() == [], f"{spec.name} breaks its invariant"
        row = self.control.execute(
            "SELECT (SELECT count(*) FROM main_clients_database), (SELECT count(*) FROM broadcast_manager)"
        ).fetchone()
        assert row is not None
        return f"{row[0]} channels, {row[1]} rows"


def _reaches(start: int, goal: int, blockers: dict[int, set[int]], seen: frozenset[int] = frozenset()) -> bool:
    ahead = blockers.get(start, set())
    return goal in ahead or any(_reaches(p, goal, blockers, seen | {p}) for p in ahead - seen)


def all_orders(interleaver: Interleaver, spec: Spec) -> Iterator[Outcome]:
    """Run a spec in every order at every level."""
    for level in LEVELS:
        for order in orders([len(steps) for steps in spec.sessions]):
            yield interleaver.run(spec, level, order)


def read_expected() -> dict[str, list[Outcome]]:
    """The committed outcomes of each spec."""
    expected: dict[str, list[Outcome]] = {}
    with EXPECTED.open(newline="") as file:
        for line in csv.DictReader(line for line in file if not line.startswith("#")):
            expected.setdefault(line["spec"], []).append(Outcome(**line))
    return expected


def main() -> int:
    """Write what comes of every order to the expected file, and tell what is new."""
    from tests.trust.interleavings import SPECS

    parser = argparse.ArgumentParser(prog="python -m tests.trust.interleave", description=__doc__)
    parser.add_argument("--pg", choices=servers.KINDS, help="the kind of server, as for the tests")
    arguments = parser.parse_args()
    server = servers.pick(arguments.pg)
    print(server.name, flush=True)
    began = time.monotonic()
    found: list[Outcome] = []
    with server.run() as server_url, databases.upgraded_database(server_url) as url:
        interleaver = Interleaver(url, databases.at(server_url, databases.name_of(url)))
        try:
            for spec in SPECS:
                ran = list(all_orders(interleaver, spec))
                found += ran
                print(f"{len(ran):5} orders of {spec.name}: {len({o[3:] for o in ran})} outcomes", flush=True)
        finally:
            interleaver.close()
    text = io.StringIO()
    text.write("# Written by make interleavings.\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Outcome._fields)
    writer.writerows(found)
    before = EXPECTED.read_text().splitlines() if EXPECTED.exists() else []
    EXPECTED.write_text(text.getvalue())
    changed = len(set(text.getvalue().splitlines()) - set(before))
    print(f"{len(found)} orders in {time.monotonic() - began:.0f} s, {changed} with an outcome that is new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
