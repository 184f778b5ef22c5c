"""Takes the leader away from under API, workers and writers, again and again, and looks for what was acknowledged.

`python -m tests.trust.failover` runs three PostgreSQL nodes under Patroni, by turns with a standby that every COMMIT
waits for and without. Each event comes so many times; nobody restarts API and workers, which have all three nodes in
their DATABASE_URL. What it shows and what it cannot show: docs/high-availability.md.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Annotated, Any
from uuid import UUID

import httpx
import psycopg
import typer
from psycopg import sql
from rich.console import Console
from rich.table import Table

from pyapi.channels.accounts import User
from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.checks.violations import find_violations
from pyapi.web.tokens import issue_token
from tests.api.calls import API_PASSWORD, API_ROLE, SECRET, bearer, registration
from tests.delivery.accounting import Account, balance
from tests.delivery.conftest import WORKER_PASSWORD, WORKER_ROLE
from tests.trust.patroni_cluster import HOST, Cluster, ClusterMissing, Node, free_ports, running_cluster
from tests.trust.writers import Pair, Writer, channels_of, new_writers
from tools import databases
from tools.bot_api.server import TOKEN
from tools.telegram import Telegram, until

WRITERS = 2
CALLERS = 4
WORKERS = 2
# Many edits and few new channels: as many as the workers can send meanwhile.
WRITER_PAUSE = 0.01
WRITER_WEIGHTS = (2, 0, 1, 0, 60, 1)
# Seconds between two calls.
PAUSE = 0.25
# So many acknowledgements of each client, and messages, make the service be back.
ENOUGH = 5
PATIENCE = 90.0
# Seconds after which no further round of events begins; one takes about ninety.
LAST_BEGINS = 570
CLI = ("-c", "from pyapi.cli import app; app()")

Connection = psycopg.Connection[tuple[Any, ...]]
console = Console(width=None if sys.stdout.isatty() else 200)


@dataclass
class Caller:
    """Somebody who registers channels through the API and triggers them, and notes what was acknowledged."""

    user: User
    base_url: str
    rng: random.Random
    acknowledged: dict[Pair, UUID] = field(default_factory=dict)
    uncertain: set[Pair] = field(default_factory=set)
    triggered: Counter[UUID] = field(default_factory=Counter)
    perhaps_triggered: Counter[UUID] = field(default_factory=Counter)
    registered_at: list[float] = field(default_factory=list)
    triggers: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    wrong: str = ""

    def call(self, stop: threading.Event) -> None:
        """Call until told to stop."""
        headers = bearer(issue_token(self.user, "access", SECRET))
        try:
            with httpx.Client(base_url=self.base_url, headers=headers, timeout=PATIENCE) as http:
                while not stop.wait(PAUSE):
                    self._register(http)
                    if not stop.wait(PAUSE):
                        self._trigger(http)
        except Exception as error:  # a fault, and no reason to hang
            self.wrong = repr(error)

    def _register(self, http: httpx.Client) -> None:
        channel = registration()
        pair = str(channel["open_channel_id"]), str(channel["closed_channel_id"])
        answer = self._noted(http.post("/api/channels/register", json=channel))
        if answer.status_code == 201:
            self.acknowledged[pair] = UUID(answer.json()["broadcast_id"])
            self.registered_at.append(time.time())
        else:
            assert answer.json()["code"] == "database_unavailable", answer.text
            self.uncertain.add(pair)

    def _trigger(self, http: httpx.Client) -> None:
        if not self.acknowledged:
            return
        broadcast = self.rng.choice(tuple(self.acknowledged.values()))
        answer = self._noted(http.post("/api/broadcast/trigger", json={"broadcast_id": str(broadcast)}))
        if answer.status_code == 200:
            self.triggered[broadcast] += 1
            self.triggers += 1
        elif answer.status_code == 503:
            assert answer.json()["code"] == "database_unavailable", answer.text
            self.perhaps_triggered[broadcast] += 1
        else:
            # Being sent; or not there any more, where commits wait for nobody.
            assert answer.status_code in (404, 409), answer.text

    def _noted(self, answer: httpx.Response) -> httpx.Response:
        self.answers[answer.status_code] += 1
        return answer

    def settle(self, conn: Connection) -> int:
        """Count what was acknowledged and is not there, and go on from what is there.

        Raises:
            AssertionError: something is there that was never asked for.
        """
        found = channels_of(conn, self.user.user_id)
        lost = sum(found.get(pair) != broadcast for pair, broadcast in self.acknowledged.items())
        unknown = found.keys() - self.acknowledged.keys() - self.uncertain
        assert not unknown, f"channels that nobody asked for: {unknown}"
        query = "SELECT id, coalesce(manual_trigger_count, 0) FROM broadcast_manager WHERE client_id = %s"
        counts: dict[UUID, int] = dict(conn.execute(query, [self.user.user_id]).fetchall())
        for broadcast, count in counts.items():
            lost += max(0, self.triggered[broadcast] - count)
            most = self.triggered[broadcast] + self.perhaps_triggered[broadcast]
            assert count <= most, f"{broadcast} was triggered {count} times, and asked for {most} times"
        self.acknowledged, self.triggered = found, Counter(counts)
        self.uncertain.clear()
        self.perhaps_triggered.clear()
        return lost


@dataclass
class Service:
    """What runs from the first event to the last: the nodes, API and workers, their clients, and a fake Telegram."""

    cluster: Cluster
    owner_url: str
    telegram: Telegram
    processes: list[subprocess.Popen[bytes]]
    writers: list[Writer]
    callers: list[Caller]
    logs: Path
    account: Account = field(default_factory=lambda: Account(0, 0, 0, 0, 0))

    def acknowledged(self) -> int:
        """Transactions so far that somebody was told of."""
        return sum(w.transactions for w in self.writers) + sum(len(c.registered_at) + c.triggers for c in self.callers)

    def messages(self) -> list[dict[str, Any]]:
        """The requests that put a message into a chat."""
        return [request for request in self.telegram.requests() if request["answer"] == 200]

    def missing_since(self, moment: float) -> str:
        """Who has not been served since; empty once all were, and messages have gone out."""
        for name, clients in (
            ("a writer's COMMIT", [writer.committed_at for writer in self.writers]),
            ("a registration", [caller.registered_at for caller in self.callers]),
        ):
            if not all(len(times) >= ENOUGH and times[-ENOUGH] > moment for times in clients):
                return name
        sent = sum(request["at"] > moment for request in self.messages())
        return "" if sent >= ENOUGH else "messages"

    def look_for_faults(self) -> None:
        """See whether a client met what it must not meet, or a process ended.

        Raises:
            AssertionError: so it is.
        """
        wrong = [writer.wrong for writer in self.writers] + [caller.wrong for caller in self.callers]
        assert not any(wrong), " ".join(wrong)
        for process in self.processes:
            assert process.poll() is None, f"ended by itself: {process.args!r}"
        for log in self.logs.iterdir():
            assert "Traceback" not in log.read_text(), f"a traceback:\n{log.read_text()[-3000:]}"


@dataclass
class Outcome:
    """What one event did.

    Args:
        writes, registrations, messages: the longest time without one, in seconds.
        acknowledged: transactions that a client was told of.
        lost: what is not as it was acknowledged: channels and triggers; two pairs for an edit.
        violations: what breaks the rule.
        twice: messages beyond one for each part of a delivery at its time, or of no part at all.
        account: of all parts so far; one that is unknown accounts for one message, as one that was sent does.
    """

    writes: float
    registrations: float
    messages: float
    acknowledged: int
    lost: int
    violations: int
    twice: int
    account: Account

    def __str__(self) -> str:
        return (
            f"{self.writes:.1f} s without COMMIT, {self.registrations:.1f} s without registration,"
            f" {self.messages:.1f} s without message; {self.acknowledged} acknowledged, {self.lost} lost,"
            f" {self.violations} violations, {self.twice} sent twice; so far {self.account.unknown} parts"
            f" are unknown, and {self.account.unknown_sent} of them had gone out"
        )

    def is_wrong(self, synchronous: bool) -> bool:
        """Whether a promise was broken: the rule always holds, what was acknowledged stays where COMMIT waits."""
        return self.violations > 0 or (synchronous and self.lost + self.twice > 0)


def kill_leader(cluster: Cluster) -> Node:
    """SIGKILL to all of the leader."""
    node = cluster.leader()
    cluster.kill(node)
    return node


def kill_postgres(cluster: Cluster) -> None:
    """SIGKILL to the leader's PostgreSQL only."""
    cluster.kill_postgres(cluster.leader())


def switch_over(cluster: Cluster) -> None:
    """What an operator does before working on the leader's machine."""
    cluster.switch_over()


def restart(cluster: Cluster) -> None:
    """What a changed setting asks for."""
    cluster.restart(cluster.leader())


def kill_standby(cluster: Cluster) -> Node:
    """SIGKILL to all of a standby; of the one that commits wait for, where they do."""
    node = cluster.standby()
    cluster.kill(node)
    return node


EVENTS: dict[str, Callable[[Cluster], Node | None]] = {
    "kill -9 the leader": kill_leader,
    "kill -9 the leader's PostgreSQL only": kill_postgres,
    "switchover": switch_over,
    "restart of the leader's PostgreSQL": restart,
    "kill -9 a standby": kill_standby,
}


def undergo(service: Service, event: Callable[[Cluster], Node | None], *, synchronous: bool) -> Outcome:
    """Have an event happen while everybody is at work, until all is as before, and count.

    Raises:
        AssertionError: the service did not come back by itself, or something is there that nobody asked for.
    """
    before = service.acknowledged()
    with at_work(service) as lost:
        wait_for(service, time.time())
        began = time.time()
        killed = event(service.cluster)
        wait_for(service, time.time())
        ended = time.time()
        if killed is not None:
            service.cluster.start(killed)
        service.cluster.wait_until_whole(synchronous)
    with databases.connect(service.owner_url) as conn:
        settled = sum(settle(writer, conn) for writer in service.writers)
        settled += sum(caller.settle(conn) for caller in service.callers)
        violations = len(find_violations(conn))
        drift = find_drift(read_fingerprint(conn))
        assert not drift, f"the rule is not as it must be: {drift}"
        account = balance(conn, service.telegram)
    assert account.lost == 0, f"noted as sent, and not there: {account}"
    twice, service.account = account.twice - service.account.twice, account
    window = began - 1, ended
    return Outcome(
        longest_pause([at for writer in service.writers for at in writer.committed_at], window),
        longest_pause([at for caller in service.callers for at in caller.registered_at], window),
        longest_pause([request["at"] for request in service.messages()], window),
        service.acknowledged() - before,
        sum(lost) + settled,
        violations,
        twice,
        account,
    )


@contextmanager
def at_work(service: Service) -> Iterator[list[int]]:
    """Have everybody write and call for as long as the block lasts; gives what writers miss when they come back."""
    stop = threading.Event()
    lost: list[int] = []
    threads = [threading.Thread(target=keep_writing, args=(w, service.owner_url, stop, lost)) for w in service.writers]
    threads += [threading.Thread(target=caller.call, args=(stop,)) for caller in service.callers]
    for thread in threads:
        thread.start()
    try:
        yield lost
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    service.look_for_faults()


def keep_writing(writer: Writer, url: str, stop: threading.Event, lost: list[int]) -> None:
    """Write, and connect again whenever the server has gone; what was under way is settled first."""
    while not stop.is_set() and not writer.wrong:
        try:
            with databases.connect(url) as conn:
                lost.append(settle(writer, conn))
        except psycopg.OperationalError:
            stop.wait(0.1)
            continue
        writer.write(url, stop)


def settle(writer: Writer, conn: Connection) -> int:
    """Count what was acknowledged to a writer and is not so, and go on from what is there."""
    found = channels_of(conn, writer.client)
    differences = [len(set(writer.acknowledged.items()) ^ set(found.items()))]
    if writer.under_way is not None:
        writer.apply(writer.under_way)
        writer.under_way = None
        differences.append(len(set(writer.acknowledged.items()) ^ set(found.items())))
    writer.acknowledged = found
    return min(differences)


def wait_for(service: Service, moment: float) -> None:
    """Wait until everybody has been served since, and messages have gone out.

    Raises:
        AssertionError: they were not in time, or something else went wrong.
    """
    deadline = time.monotonic() + PATIENCE
    while missing := service.missing_since(moment):
        service.look_for_faults()
        assert time.monotonic() < deadline, f"not back {PATIENCE:.0f} s later: {missing}"
        time.sleep(0.2)


def longest_pause(times: list[float], window: tuple[float, float]) -> float:
    """The longest time within the window, in seconds, in which there was none."""
    inside = sorted(at for at in times if window[0] <= at <= window[1])
    return max((later - earlier for earlier, later in pairwise([window[0], *inside, window[1]])))


@contextmanager
def running_service(cluster: Cluster, seed: int) -> Iterator[Service]:
    """Install the rule, start API, workers and a fake Telegram, all of them with all three nodes in DATABASE_URL."""
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="broadcast-manager-failover-")))
        databases.create_owner(cluster.url)
        owner_url = databases.create_database(cluster.url)
        command_line(owner_url, "-m", "alembic", "upgrade", "head")
        name = databases.name_of(owner_url)
        with databases.connect(databases.at(cluster.url, name)) as conn:
            for role, password in ((API_ROLE, API_PASSWORD), (WORKER_ROLE, WORKER_PASSWORD)):
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), password))
            conn.execute(f"GRANT broadcast_api TO {API_ROLE}".encode())
            conn.execute(f"GRANT broadcast_worker TO {WORKER_ROLE}".encode())
            conn.execute(
                "UPDATE broadcast.settings SET max_channels_per_client = 1000000,"
                " manual_trigger_interval = '0', messages_per_second = NULL"
            )
            users = [databases.add_user(conn) for _ in range(CALLERS)]
        telegram_port, api_port = free_ports(2)
        telegram_url, api_url = (f"http://{HOST}:{port}" for port in (telegram_port, api_port))
        start(stack, logs / "telegram", ["-m", "tools.bot_api", "--port", str(telegram_port)])
        processes = [
            start(
                stack,
                logs / "api",
                [*CLI, "api", "--port", str(api_port)],
                DATABASE_URL=databases.at(owner_url, name, API_ROLE, API_PASSWORD),
                JWT_SECRET_KEY=SECRET,
            )
        ]
        for number in range(WORKERS):
            processes.append(
                start(
                    stack,
                    logs / f"worker{number + 1}",
                    [*CLI, "worker"],
                    DATABASE_URL=databases.at(owner_url, name, WORKER_ROLE, WORKER_PASSWORD),
                    TELEGRAM_BOT_TOKEN=TOKEN,
                    TELEGRAM_API_BASE_URL=telegram_url,
                )
            )
        for address in (f"{telegram_url}/messages", f"{api_url}/api/health"):
            until(partial(answers, address), f"{address} answers", PATIENCE)
        telegram = Telegram(telegram_url)
        stack.callback(telegram.http.close)
        writers = new_writers(owner_url, seed, WRITERS)
        for writer in writers:
            writer.pause, writer.weights = WRITER_PAUSE, WRITER_WEIGHTS
        callers = [
            Caller(
                User(user, "caller", "", True, True, None, None, False), api_url, random.Random(f"{seed} caller {n}")
            )
            for n, user in enumerate(users)
        ]
        yield Service(cluster, owner_url, telegram, processes, writers, callers, logs)


def start(stack: ExitStack, log: Path, arguments: list[str], **environment: str) -> subprocess.Popen[bytes]:
    """Run a Python program until the end of everything; what it says goes to the file."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=databases.ROOT,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


def answers(address: str) -> bool:
    """Whether a server is up."""
    try:
        return httpx.get(address).status_code == 200
    except httpx.TransportError:
        return False


def command_line(owner_url: str, *command: str) -> str:
    """Run a Python program of ours on the database and give the last line it printed.

    Raises:
        AssertionError: its exit code is not 0.
    """
    done = subprocess.run(
        [sys.executable, *command],
        cwd=databases.ROOT,
        env={**os.environ, "DATABASE_URL": owner_url},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip().rpartition("\n")[2]


def table(outcomes: dict[tuple[str, bool], list[Outcome]]) -> Table:
    """What came of it, an event and a mode a line; seconds as the median and the longest."""
    made = Table("event", "mode")
    for heading in ("times", "s without COMMIT", "registration", "message", *SUMS):
        made.add_column(heading, justify="right")
    for (name, synchronous), of_event in sorted(outcomes.items(), key=lambda item: list(EVENTS).index(item[0][0])):
        pauses = [[getattr(outcome, what) for outcome in of_event] for what in ("writes", "registrations", "messages")]
        sums = [sum(getattr(outcome, what) for outcome in of_event) for what in SUMS.values()]
        made.add_row(
            name,
            MODES[synchronous],
            str(len(of_event)),
            *(f"{median(seconds):.1f} ({max(seconds):.1f})" for seconds in pauses),
            *(f"{count:,}" for count in sums),
        )
    return made


MODES = {True: "synchronous", False: "asynchronous"}
SUMS = {"acknowledged": "acknowledged", "lost": "lost", "violations": "violations", "sent twice": "twice"}


def main(
    times: Annotated[int, typer.Option(min=1, help="how often each event comes, in each mode")] = 3,
    seed: Annotated[int | None, typer.Option(help="repeats what the clients write")] = None,
) -> None:
    """Take the leader away from under API, workers and writers, and print what that did."""
    # So that a terminated run cleans up, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    chosen = secrets.randbits(32) if seed is None else seed
    console.print(f"--times={times} --seed={chosen}")
    began = time.monotonic()
    outcomes: dict[tuple[str, bool], list[Outcome]] = {}
    try:
        with running_cluster(synchronous=True) as cluster, running_service(cluster, chosen) as service:
            for synchronous in (True, False) * times:
                if time.monotonic() - began > LAST_BEGINS:
                    console.print(f"The machine is slow: after {LAST_BEGINS} s nothing new is begun.")
                    break
                cluster.set_synchronous(synchronous)
                for name, event in EVENTS.items():
                    outcome = undergo(service, event, synchronous=synchronous)
                    outcomes.setdefault((name, synchronous), []).append(outcome)
                    console.print(f"{time.monotonic() - began:4.0f} s, {MODES[synchronous]}: {name}: {outcome}")
            for command in ("verify", "doctor"):
                console.print(command_line(service.owner_url, *CLI, command))
            told = sum((caller.answers for caller in service.callers), Counter[int]())
            console.print(f"Messages: {service.account}")
    except ClusterMissing as missing:
        console.print(f"This needs three PostgreSQL nodes under Patroni. {missing}")
        raise typer.Exit(2) from None
    except AssertionError as error:
        console.print(f"After {time.monotonic() - began:.0f} s: {error}", markup=False)
        raise typer.Exit(1) from None
    console.print(table(outcomes))
    console.print(f"The API's answers: {', '.join(f'{count} of {status}' for status, count in sorted(told.items()))}")
    wrong = [outcome for (_, synchronous), of in outcomes.items() for outcome in of if outcome.is_wrong(synchronous)]
    console.print(f"{time.monotonic() - began:.0f} s; {len(wrong)} times a promise was broken")
    raise typer.Exit(1 if wrong else 0)


if __name__ == "__main__":
    typer.run(main)
