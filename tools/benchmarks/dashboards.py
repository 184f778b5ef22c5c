"""Thousands of open dashboards while channels change, and what everybody else waits meanwhile: ``make bench-load``."""

import asyncio
import json
import os
import random
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, Any, Literal
from uuid import UUID

import psycopg
import typer
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from pyapi.channels.accounts import User
from pyapi.web.dashboard.sessions import SESSION_COOKIE
from pyapi.web.tokens import issue_token
from tools import databases
from tools.benchmarks.dashboards_picture import draw
from tools.benchmarks.durable_server import durable_server

ROLE = "bench_api"
CHANNELS_PER_CLIENT = 10
# Who reads nothing from an open stream, beside those who read.
SILENT = 20
WAIT_GOAL, TOLD_GOAL, CONNECTIONS_GOAL = 0.25, 2.0, 12
console = Console(width=120)


@dataclass
class Run:
    """What was seen; times are monotonic seconds, which all processes of a machine share."""

    began: float = 0
    opened: float = 0
    ended: float = 0
    waits: list[tuple[float, float]] = field(default_factory=list)
    """Begin and seconds of each other request."""
    told: list[tuple[float, float]] = field(default_factory=list)
    """Time and delay of each change that a page was told of."""
    untold: int = 0
    refused: int = 0
    memory: list[tuple[str, float]] = field(default_factory=list)
    connections: int = 0
    errors: list[str] = field(default_factory=list)


def main(
    dashboards: Annotated[int, typer.Option(help="how many event streams, each of a client of its own")] = 2000,
    changes: Annotated[int, typer.Option(help="channels that change in a second")] = 50,
    seconds: Annotated[float, typer.Option(help="how long they change")] = 30,
    reload: Annotated[bool, typer.Option("--reload", help="pages that are told load their list, too")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="200 dashboards, for 5 s")] = False,
    server: Annotated[str | None, typer.Option(help="system, embedded or url")] = None,
    picture: Annotated[Path | None, typer.Option(help="where to draw the waits")] = None,
) -> None:
    """Open the dashboards, change channels, and print who waited how long, memory and connections."""
    if quick:
        dashboards, seconds = min(dashboards, 200), min(seconds, 5)
    _allow_files(2 * dashboards + 500)
    with durable_server(server) as server_url:
        databases.create_owner(server_url)
        url = databases.create_database(server_url)
        try:
            console.print(f"making {dashboards:,} clients with {CHANNELS_PER_CLIENT} channels each …")
            databases.upgrade(url)
            clients = _fill(url, dashboards)
            with _role(server_url, url) as role_url:
                run = asyncio.run(_measure(server_url, url, role_url, clients, changes, seconds, reload))
        finally:
            databases.drop_database(server_url, url)
    ok = _report(run, dashboards, changes)
    if picture is not None:
        draw(picture, run.began, run.opened, run.waits, run.told, WAIT_GOAL)
    if not ok:
        raise typer.Exit(1)


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise typer.BadParameter(f"{count} open files are needed and {hard} allowed: ulimit -Hn, or fewer --dashboards")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


def _fill(url: str, count: int) -> list[UUID]:
    with databases.connect(url) as conn:
        databases.add_clients(conn, count + SILENT, CHANNELS_PER_CLIENT)
        return [user for (user,) in conn.execute("SELECT user_id FROM public.registered_users ORDER BY username")]


@contextmanager
def _role(server_url: str, url: str) -> Iterator[str]:
    """The URL of the database for a login with the API's rights; the login is dropped in the end."""
    password = secrets.token_hex(16)
    with databases.connect(server_url) as boss:
        boss.execute(f"DROP ROLE IF EXISTS {ROLE}".encode())
        boss.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password}' IN ROLE broadcast_api".encode())
        try:
            yield databases.at(url, databases.name_of(url), ROLE, password)
        finally:
            boss.execute(f"DROP ROLE {ROLE}".encode())


async def _measure(
    server_url: str, url: str, role_url: str, clients: list[UUID], changes: int, seconds: float, reload: bool
) -> Run:
    secret = SecretStr(secrets.token_hex(32))
    tokens = {str(client): _token(client, "session", secret) for client in clients}
    readers, silent = clients[:-SILENT], clients[-SILENT:]
    run = Run()
    with _api(role_url, secret) as (pid, port):
        await _ready(port)
        run.memory.append(("with nobody there", _megabytes(pid)))
        probe = asyncio.create_task(_probe(port, _token(readers[0], "access", secret), run))
        watch = asyncio.create_task(_count_connections(server_url, url, run))
        await asyncio.sleep(3)
        run.began = time.monotonic()
        with _generator(port, {c: tokens[c] for c in map(str, readers)}, reload) as generator:
            events: dict[str, list[float]] = {}
            heard = asyncio.create_task(_hear(generator, events))
            with console.status("") as status:
                while len(events.keys() - {"ended"}) < len(readers):
                    status.update(f"opening: {len(events):,} of {len(readers):,} streams")
                    await asyncio.sleep(0.05)
                    if heard.done() or time.monotonic() - run.began > 180:
                        raise RuntimeError(f"only {len(events)} of {len(readers)} streams opened")
                run.opened = time.monotonic()
                await asyncio.sleep(2)
                run.memory.append((f"{len(readers):,} streams open", _megabytes(pid)))
                with closing(_Silent(port, [tokens[str(c)] for c in silent])):
                    made = await _change(url, readers, silent, changes, seconds, status.update)
                    await asyncio.sleep(TOLD_GOAL)
                    run.memory.append((f"after {len(made):,} changes", _megabytes(pid)))
                run.ended = time.monotonic()
            generator.terminate()
            await heard
        run.refused = len(events.get("ended", ()))
        for task in (probe, watch):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    for client, at in made:
        after = [moment for moment in events[client] if moment >= at]
        if after:
            run.told.append((at, min(after) - at))
        else:
            run.untold += 1
    return run


def _token(client: UUID, kind: Literal["access", "session"], secret: SecretStr) -> str:
    return issue_token(User(client, "bench", None, True, True, None, None, False), kind, secret.get_secret_value())


@contextmanager
def _api(role_url: str, secret: SecretStr) -> Iterator[tuple[int, int]]:
    """The command in a process of its own: its number and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "DATABASE_URL": role_url, "JWT_SECRET_KEY": secret.get_secret_value()}
    with subprocess.Popen(
        [sys.executable, "-c", "from pyapi.cli import app; app()", "api", "--port", str(port)],
        cwd=databases.ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process.pid, port
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def _generator(port: int, tokens: dict[str, str], reload: bool) -> "Iterator[subprocess.Popen[str]]":
    """The streams, opened by a process of their own; it writes a line for each event."""
    with subprocess.Popen(
        [sys.executable, "-m", "tools.benchmarks.dashboards_open"],
        cwd=databases.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        try:
            json.dump({"port": port, "cookie": SESSION_COOKIE, "tokens": tokens, "reload": reload}, process.stdin)
            process.stdin.close()
            yield process
        finally:
            process.kill()


async def _hear(generator: "subprocess.Popen[str]", events: dict[str, list[float]]) -> None:
    """Collect each client's events."""
    assert generator.stdout is not None
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), generator.stdout)
    while line := await reader.readline():
        client, _, moment = line.decode().partition(" ")
        events.setdefault(client, []).append(float(moment))


async def _ready(port: int) -> None:
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError):
                if await _status(port, "/api/health", "") == 200:
                    return
            await asyncio.sleep(0.05)


async def _status(port: int, path: str, token: str) -> int:
    """The status of an answer that was read to its end, by a connection of its own."""
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            head = f"Host: 127.0.0.1\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
            writer.write(f"GET {path} HTTP/1.1\r\n{head}".encode())
            answer = await reader.read()
        finally:
            writer.close()
    return int(answer.split(maxsplit=2)[1]) if answer else 0


async def _probe(port: int, token: str, run: Run) -> None:
    """Ask the API for ten channels twenty times a second by new connections, whatever came of the last."""

    async def ask(at: float) -> None:
        try:
            if (status := await _status(port, "/api/channels", token)) != 200:
                run.errors.append(str(status))
        except (OSError, TimeoutError) as error:
            run.errors.append(repr(error))
        run.waits.append((at, time.monotonic() - at))

    async with asyncio.TaskGroup() as asking:
        at = time.monotonic()
        while True:
            asking.create_task(ask(at))
            at += 0.05
            await asyncio.sleep(max(0.0, at - time.monotonic()))


async def _count_connections(server_url: str, url: str, run: Run) -> None:
    """The most connections of the API that were there at once."""
    conn = await psycopg.AsyncConnection.connect(server_url, autocommit=True)
    async with conn:
        while True:
            cursor = await conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = %s",
                [databases.name_of(url), ROLE],
            )
            row = await cursor.fetchone()
            run.connections = max(run.connections, row[0] if row else 0)
            await asyncio.sleep(0.1)


async def _change(
    url: str, readers: list[UUID], silent: list[UUID], changes: int, seconds: float, tell: Any
) -> list[tuple[str, float]]:
    """Change a channel of somebody's, so many times a second; whose and when. The silent ones' change, too."""
    made = []
    conn = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with conn:
        start = time.monotonic()
        for number in range(int(seconds * changes)):
            client = random.choice(readers)
            at = time.monotonic()
            await conn.execute(
                "UPDATE public.main_clients_database SET open_channel_title = %s WHERE id ="
                " (SELECT min(id) FROM public.main_clients_database WHERE client_id = %s)",
                [f"Signals {number}", client],
            )
            made.append((str(client), at))
            if number % changes == 0:
                await conn.execute(
                    "UPDATE public.main_clients_database SET open_channel_title = %s WHERE client_id = ANY (%s)",
                    [f"Silence {number}", silent],
                )
                tell(f"changing channels: {time.monotonic() - start:.0f} of {seconds:.0f} s")
            await asyncio.sleep(max(0.0, start + (number + 1) / changes - time.monotonic()))
    return made


class _Silent:
    """Streams of which nobody reads anything."""

    def __init__(self, port: int, tokens: list[str]) -> None:
        self._sockets = []
        for token in tokens:
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", port))
            one.sendall(f"GET /events HTTP/1.1\r\nHost: x\r\nCookie: {SESSION_COOKIE}={token}\r\n\r\n".encode())
            self._sockets.append(one)

    def close(self) -> None:
        for one in self._sockets:
            one.close()


def _megabytes(pid: int) -> float:
    """A process's own memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def _report(run: Run, dashboards: int, changes: int) -> bool:
    opening = [wait for at, wait in run.waits if run.began - wait <= at < run.opened]
    changing = [wait for at, wait in run.waits if run.opened <= at < run.ended]
    delays = [delay for _, delay in run.told]
    quiet = [wait for at, wait in run.waits if at < run.began - wait]
    table = Table("what", "median", "longest", "goal", title=f"{dashboards:,} dashboards, {changes} changes a second")
    rows = (
        ("another request, nobody there, ms", quiet, None),
        (f"another request while they open ({run.opened - run.began:.1f} s), ms", opening, WAIT_GOAL),
        ("another request while channels change, ms", changing, WAIT_GOAL),
        ("a change until its page is told, ms", delays, TOLD_GOAL),
    )
    ok = not (run.errors or run.untold or run.refused) and run.connections <= CONNECTIONS_GOAL
    for what, times, goal in rows:
        if times:
            table.add_row(
                what, f"{median(times) * 1000:.0f}", f"{max(times) * 1000:.0f}", f"{goal * 1000:.0f}" if goal else ""
            )
        ok = ok and (goal is None or max(times, default=0) < goal)
    table.add_row("connections to the database", "", str(run.connections), str(CONNECTIONS_GOAL))
    for what, megabytes in run.memory:
        table.add_row(f"memory of the API {what}, MB", "", f"{megabytes:.0f}", "")
    console.print(table)
    load = os.getloadavg()[0]
    failed = f"requests that failed: {len(run.errors)}; load average of the machine: {load:.1f}"
    console.print(f"changes that no page was told of: {run.untold}; streams that ended: {run.refused}; {failed}")
    for error in run.errors[:5]:
        console.print(error, markup=False)
    return ok


if __name__ == "__main__":
    typer.run(main)
