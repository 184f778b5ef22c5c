"""Kills the API with SIGKILL while clients register channels, again and again, and looks for what was acknowledged.

`python -m tests.trust.api_killed` kills it 50 times and prints the counts.
"""

import argparse
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import psycopg
from psycopg import sql

from pyapi.channels.accounts import User
from pyapi.checks.violations import find_violations
from pyapi.web.server import listen
from pyapi.web.tokens import issue_token
from tests.api.calls import API_PASSWORD, SECRET, bearer, registration
from tests.trust.writers import UnderWay, writing
from tools import databases, servers

CLIENTS = 4
ROLE = "test_api_killed"

Pair = tuple[str, str]

# The statements of a killed process run to their end, and commit or not; nobody hears of it.
_STILL_THERE = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND usename = %s"
_FOUND = """
SELECT c.open_channel_id, c.closed_channel_id, b.id
FROM public.main_clients_database AS c
LEFT JOIN public.broadcast_manager AS b
    ON c.open_channel_id = b.open_channel_id AND c.closed_channel_id = b.closed_channel_id AND c.client_id = b.client_id
WHERE c.client_id = %s
"""


@dataclass
class Counts:
    """What a run saw, all kills together."""

    kills: int = 0
    acknowledged: int = 0
    under_way: UnderWay = field(default_factory=UnderWay)

    def __str__(self) -> str:
        seen = f"{self.acknowledged} registrations acknowledged, 0 missing, 0 violations"
        return f"{self.kills} kills; {seen}; {self.under_way}"


@dataclass
class Client:
    """A user who registers one channel after the other: what was acknowledged, and what nobody has answered yet."""

    user: UUID
    acknowledged: dict[Pair, UUID] = field(default_factory=dict)
    under_way: Pair | None = None
    wrong: str = ""

    def write(self, url: str, stop: threading.Event) -> None:
        """Register until told to stop, or until the API is gone."""
        user = User(self.user, "client", "", True, True, None, None, False)
        try:
            with httpx.Client(base_url=url, headers=bearer(issue_token(user, "access", SECRET)), timeout=60) as http:
                while not stop.is_set():
                    channel = registration()
                    pair = self.under_way = channel["open_channel_id"], channel["closed_channel_id"]
                    answer = http.post("/api/channels/register", json=channel)
                    assert answer.status_code == 201, answer.text
                    self.acknowledged[pair] = UUID(answer.json()["broadcast_id"])
                    self.under_way = None
        except httpx.TransportError:  # the API is gone
            return
        except Exception as error:  # a fault, and no reason to hang
            self.wrong = repr(error)

    def check(self, conn: psycopg.Connection[tuple[object, ...]]) -> bool | None:
        """Compare with what is there; tells whether what was under way was committed, None if nothing was.

        Raises:
            AssertionError: something acknowledged is missing, has another id, or is there by half.
        """
        found = {(row[0], row[1]): row[2] for row in conn.execute(_FOUND, [self.user])}
        pair, self.under_way = self.under_way, None
        missing = {key: value for key, value in self.acknowledged.items() if found.get(key) != value}
        assert not missing, f"{len(missing)} acknowledged registrations are missing or changed: {missing}"
        more = found.keys() - self.acknowledged.keys()
        assert more <= {pair}, f"there is what nobody asked for: {more}"
        assert None not in found.values(), "a channel without its broadcast"
        if pair is None:
            return None
        if more:
            self.acknowledged[pair] = found[pair]  # type: ignore[assignment] # it is the one
        return bool(more)


def kill_often(url: str, role_url: str, times: int, seed: int, counts: Counts) -> None:
    """Kill the API so often while clients register, and check after each time.

    Args:
        url: the database, as its owner; the limit of channels is lifted.
        role_url: the same as the API's role.
        times: how often.
        seed: of the moments.
        counts: what was seen.

    Raises:
        AssertionError: something that was acknowledged is missing or changed, or the rule is broken.
    """
    chance = random.Random(seed)
    with databases.connect(url) as conn, listen("127.0.0.1", 0) as taken:
        # The port stays the same from start to start, as behind a proxy.
        port = taken.getsockname()[1]
        taken.close()
        conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 1000000")
        clients = [Client(databases.add_user(conn)) for _ in range(CLIENTS)]
        for _ in range(times):
            with _api(role_url, port) as process, writing(f"http://127.0.0.1:{port}", clients):
                _wait_for_registrations(clients, chance.randrange(5, 60))
                # Somewhere within the next requests.
                threading.Event().wait(chance.random() / 50)
                process.kill()
                process.wait()
            counts.kills += 1
            _wait_until_gone(conn, psycopg.conninfo.conninfo_to_dict(role_url)["user"])
            for client in clients:
                counts.under_way.note(client.check(conn))
            assert find_violations(conn) == []
    counts.acknowledged = sum(len(client.acknowledged) for client in clients) - counts.under_way.committed


@contextmanager
def _api(role_url: str, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """The command in a process of its own, once it answers."""
    environment = os.environ | {"DATABASE_URL": role_url, "JWT_SECRET_KEY": SECRET}
    process = subprocess.Popen(
        [sys.executable, "-c", "from pyapi.cli import app; app()", "api", "--port", str(port)],
        env=environment,
        cwd=databases.ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        pause = threading.Event()
        for _ in range(6000):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/api/health", timeout=60).status_code == 200:
                    break
            except httpx.TransportError:
                assert process.poll() is None, "the API does not start"
            pause.wait(0.01)
        else:
            raise AssertionError("the API is not healthy within a minute")
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_for_registrations(clients: list[Client], count: int) -> None:
    goal = sum(len(client.acknowledged) for client in clients) + count
    pause = threading.Event()
    for _ in range(60_000):
        if sum(len(client.acknowledged) for client in clients) >= goal:
            return
        pause.wait(0.001)
    raise AssertionError(f"no {count} registrations within a minute: {[client.wrong for client in clients]}")


def _wait_until_gone(conn: psycopg.Connection[tuple[object, ...]], role: object) -> None:
    pause = threading.Event()
    for _ in range(6000):
        if conn.execute(_STILL_THERE.encode(), [role]).fetchone() is None:
            return
        pause.wait(0.01)
    raise AssertionError("the killed process's connections stay for a minute")


def create_api_login(server_url: str, url: str) -> str:
    """Make a login role that is only a member of broadcast_api; the database's URL as this role."""
    with databases.connect(server_url, autocommit=False) as conn:
        # Runs that share a server would meet in pg_authid.
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('test_api_killed'))")
        if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() is None:
            made = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE broadcast_api")
            conn.execute(made.format(sql.Identifier(ROLE), sql.Literal(API_PASSWORD)))
    return databases.at(url, databases.name_of(url), ROLE, API_PASSWORD)


def main() -> int:
    """Kill as often as asked for and print the counts."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust.api_killed", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    arguments, picked = servers.parse_run(parser)
    began, counts = time.monotonic(), Counts()
    with picked.run() as server_url, databases.upgraded_database(server_url) as url:
        kill_often(url, create_api_login(server_url, url), arguments.kills, arguments.seed, counts)
    print(f"{counts}\n{time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
