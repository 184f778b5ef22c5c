"""``make bench-delivery``: claiming and finishing broadcasts against other queues, growth, and the way of a click."""

import asyncio
import logging
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any, LiteralString

import httpx
import procrastinate
import psycopg
import typer
from procrastinate.types import JSONValue
from psycopg.conninfo import make_conninfo
from rich.table import Table

from pyapi.channels.accounts import User
from pyapi.queries import QUERIES
from pyapi.web.server import listen
from pyapi.web.tokens import issue_token
from tools import databases
from tools.benchmarks.bulk import INSERT
from tools.benchmarks.compare import bars, console, interleave, machine, ratio
from tools.benchmarks.durable_server import durable_server
from tools.bot_api.server import TOKEN, running
from tools.telegram import Telegram, until

SECRET = "a secret of the benchmarks, of 64 bytes or more, as HS512 wants it"  # noqa: S105
OWNERS = 1_000
BATCH = 10
OURS, PGMQ, PROCRASTINATE = "ours", "pgmq-style", "procrastinate"
WORKERS = (1, 2, 4)

REPORT = ("part", "attempt", "outcome", "message_id", "error_code", "error_message", "retry_after", "deleted")

# What each of them does for a broadcast besides claiming: both messages noted before and after, then the counters.
NOTES = """
CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, broadcast_id uuid NOT NULL, part text NOT NULL,
  state text NOT NULL, message_id bigint, noted_at timestamptz NOT NULL DEFAULT now(), decided_at timestamptz);
"""
INTEND: LiteralString = "INSERT INTO notes (broadcast_id, part, state) VALUES (%s, %s, 'intended') RETURNING id"
RECORD: LiteralString = "UPDATE notes SET state = 'sent', message_id = 1, decided_at = now() WHERE id = %s"
COUNT: LiteralString = """
UPDATE broadcast_manager SET broadcast_status = 'completed', last_sent_time = now(),
  next_send_time = now() + interval '24 hours', total_broadcasts = total_broadcasts + 1,
  successful_broadcasts = successful_broadcasts + 1, consecutive_failures = 0, updated_at = now()
WHERE id = %s
"""
# As pgmq's read() and delete(): a time until which a message is not seen by others.
PGMQ_TABLE = """
CREATE TABLE queue (msg_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, read_ct integer NOT NULL DEFAULT 0,
  enqueued_at timestamptz NOT NULL DEFAULT now(), vt timestamptz NOT NULL, message jsonb);
CREATE INDEX queue_vt_idx ON queue (vt);
"""
PGMQ_READ: LiteralString = """
WITH cte AS (
  SELECT msg_id FROM queue WHERE vt <= clock_timestamp() ORDER BY msg_id LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE queue AS q SET vt = clock_timestamp() + interval '2 minutes', read_ct = read_ct + 1
FROM cte WHERE q.msg_id = cte.msg_id RETURNING q.msg_id, q.message ->> 'broadcast_id'
"""
DUE = "UPDATE broadcast_manager SET broadcast_status = 'pending', next_send_time = now() - interval '1 hour'"
# A broadcast's life is six changes of state: claimed, intended and sent twice, finished.
LIVES = """
DO $$
DECLARE
  claim record;
  part text;
  work text := 'bench';
BEGIN
  FOR claim IN SELECT * FROM broadcast.claim_due_broadcasts(work, 1000) LOOP
    PERFORM broadcast.next_step(claim.delivery_id, work, deleted => '[]');
    FOREACH part IN ARRAY ARRAY['open', 'closed'] LOOP
      PERFORM broadcast.next_step(claim.delivery_id, work, part, 1, 'sent', claim.delivery_id);
    END LOOP;
  END LOOP;
END $$
"""
CHANGES_OF_A_LIFE = 6
TABLES = ("broadcast_manager", "broadcast.deliveries", "broadcast.delivery_parts")


def main(
    pg: Annotated[str, typer.Option(help="embedded, system or url")] = "embedded",
    broadcasts: Annotated[int, typer.Option(min=100)] = 10_000,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    clicks: Annotated[int, typer.Option(min=10)] = 500,
    changes: Annotated[int, typer.Option(min=6_000)] = 1_000_000,
) -> None:
    """Measure on a server of its own, with fsync on and Telegram's limits off."""
    logging.disable(logging.WARNING)  # Alembic's steps, and procrastinate's jobs
    with durable_server(pg) as server_url:
        databases.create_owner(server_url)
        with databases.connect(server_url) as conn:
            console.print(machine(conn))
        _throughput(server_url, broadcasts, rounds)
        _growth(server_url, broadcasts, changes)
        _click_to_request(server_url, clicks)
        _click_to_both_messages(server_url, clicks // 5)


@contextmanager
def _database(server_url: str, channels: int) -> Iterator[str]:
    url = databases.create_database(server_url)
    try:
        databases.load(url, databases.EXISTING_SCHEMA)
        databases.upgrade(url)
        with databases.connect(url) as conn:
            conn.execute(
                "INSERT INTO registered_users (username, email, password_hash)"
                " SELECT 'user ' || n, n || '@example.org', 'x' FROM generate_series(1, %s) AS n",
                [OWNERS],
            )
            conn.execute("SELECT broadcast.set_sending(TRUE)")
            conn.execute("UPDATE broadcast.settings SET messages_per_second = NULL, chat_interval = NULL")
            conn.execute(INSERT, {"first": 1, "last": channels, "owners": OWNERS})
        yield url
    finally:
        databases.drop_database(server_url, url)


def _throughput(server_url: str, broadcasts: int, rounds: int) -> None:
    with _database(server_url, broadcasts) as url:
        with databases.connect(url) as conn:
            conn.execute(NOTES)
            conn.execute(PGMQ_TABLE)
        with _procrastinate(url).open() as app:
            app.schema_manager.apply_schema()
        runs = {
            f"{name}, {workers} workers": _run(url, name, workers, broadcasts)
            for workers in WORKERS
            for name in (OURS, PGMQ, PROCRASTINATE)
        }
        times = interleave(runs, rounds)
    table = Table(
        "", "workers", "broadcasts/s", "x pgmq-style", "x procrastinate", title=f"{broadcasts:,} due broadcasts"
    )
    for workers in WORKERS:
        for name in (OURS, PGMQ, PROCRASTINATE):
            row = f"{name}, {workers} workers"
            others = [ratio(times, f"{other}, {workers} workers", row) for other in (PGMQ, PROCRASTINATE)]
            rate = f"{1 / statistics.median(times[row]):,.0f}"
            table.add_row(name, str(workers), rate, *[f"{other:.2f}" for other in others])
    console.print(table)
    rates = {name: 1 / statistics.median(seconds) for name, seconds in times.items()}
    bars("Broadcasts claimed, noted and finished", rates, "broadcasts/s (median)", "delivery.png", mark=0)


def _run(url: str, name: str, workers: int, broadcasts: int) -> Callable[[int], float]:
    def run(_: int) -> float:
        with databases.connect(url) as conn:
            conn.execute("TRUNCATE notes, broadcast.deliveries CASCADE")
            conn.execute(DUE)
            if name == PGMQ:
                conn.execute("TRUNCATE queue")
                conn.execute(
                    "INSERT INTO queue (vt, message)"
                    " SELECT now(), jsonb_build_object('broadcast_id', id) FROM broadcast_manager"
                )
            if name == PROCRASTINATE:
                conn.execute("TRUNCATE procrastinate_jobs CASCADE")
                ids: list[dict[str, JSONValue]] = [
                    {"broadcast_id": str(row[0])} for row in conn.execute("SELECT id FROM broadcast_manager")
                ]
                with _procrastinate(url).open() as app:
                    app.configure_task("send").batch_defer(*ids)
            conn.execute("VACUUM ANALYZE")
        spawn = multiprocessing.get_context("spawn")
        ready = spawn.Barrier(workers + 1)
        made = [spawn.Process(target=_worker, args=(url, name, ready)) for _ in range(workers)]
        for process in made:
            process.start()
        ready.wait()
        start = time.perf_counter()
        for process in made:
            process.join()
        seconds = time.perf_counter() - start
        with databases.connect(url) as conn:
            done = _completed(conn)
        if done != broadcasts or any(process.exitcode for process in made):
            raise RuntimeError(f"{name}: {done} of {broadcasts} done")
        return seconds / broadcasts

    return run


def _worker(url: str, name: str, ready: Any) -> None:
    logging.disable(logging.WARNING)
    if name == PROCRASTINATE:
        asyncio.run(_procrastinate_worker(url, ready))
        return
    with databases.connect(url) as conn:
        ready.wait()
        while _ours(conn) if name == OURS else _pgmq(conn):
            pass


def _ours(conn: psycopg.Connection[Any]) -> bool:
    me = f"bench-{os.getpid()}"
    claims = conn.execute(QUERIES["claim_due_broadcasts"], {"worker": me, "count": BATCH}).fetchall()
    for delivery_id, *_ in claims:
        report: dict[str, Any] = dict.fromkeys(REPORT) | {"delivery_id": delivery_id, "worker": me}
        conn.execute(QUERIES["next_step"], report | {"deleted": "[]"})
        for part in ("open", "closed"):
            sent = {"part": part, "attempt": 1, "outcome": "sent", "message_id": 1}
            conn.execute(QUERIES["next_step"], report | sent)
    return bool(claims)


def _pgmq(conn: psycopg.Connection[Any]) -> bool:
    messages = conn.execute(PGMQ_READ, [BATCH]).fetchall()
    for msg_id, broadcast_id in messages:
        for part in ("open", "closed"):
            noted = conn.execute(INTEND, [broadcast_id, part]).fetchone()
            conn.execute(RECORD, noted)
        conn.execute(COUNT, [broadcast_id])
        conn.execute("DELETE FROM queue WHERE msg_id = %s", [msg_id])
    return bool(messages)


def _procrastinate(url: str) -> procrastinate.App:
    return procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=make_conninfo(url)))


async def _procrastinate_worker(url: str, ready: Any) -> None:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=make_conninfo(url)))
    async with app.open_async(), await psycopg.AsyncConnection.connect(url, autocommit=True) as conn:

        @app.task(name="send")
        async def send(broadcast_id: str) -> None:
            for part in ("open", "closed"):
                noted = await (await conn.execute(INTEND, [broadcast_id, part])).fetchone()
                await conn.execute(RECORD, noted)
            await conn.execute(COUNT, [broadcast_id])

        await asyncio.to_thread(ready.wait)
        await app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)


def _growth(server_url: str, broadcasts: int, changes: int) -> None:
    with _database(server_url, broadcasts) as url, databases.connect(url) as conn:
        before = _sizes(conn)
        conn.execute("SET synchronous_commit = off")
        lives = 0
        while lives * CHANGES_OF_A_LIFE < changes:
            if lives % broadcasts == 0:
                conn.execute(DUE)
            conn.execute(LIVES)
            lives += 1_000
        conn.execute("SELECT pg_stat_force_next_flush()")
        table = Table(
            "table",
            "MiB before",
            "MiB after",
            "rows",
            "dead rows",
            title=f"{lives * CHANGES_OF_A_LIFE:,} changes of state",
        )
        for name, size in _sizes(conn).items():
            counts = conn.execute(
                "SELECT n_live_tup, n_dead_tup FROM pg_stat_user_tables WHERE relname = %s", [name]
            ).fetchone()
            table.add_row(name, f"{before[name]:.1f}", f"{size:.1f}", *[f"{count:,}" for count in counts or ()])
        console.print(table)


def _sizes(conn: psycopg.Connection[Any]) -> dict[str, float]:
    return {
        name: float(
            (conn.execute("SELECT pg_total_relation_size(%s::regclass) / 2.0 ^ 20", [name]).fetchone() or [0])[0]
        )
        for name in TABLES
    }


def _click_to_request(server_url: str, clicks: int) -> None:
    with _database(server_url, clicks) as url, running() as telegram_url:
        telegram = Telegram(telegram_url)
        with databases.connect(url) as conn:
            conn.execute("UPDATE broadcast_manager SET next_send_time = now() + interval '1 day'")
            rows = conn.execute("SELECT id, client_id, open_channel_id FROM broadcast_manager").fetchall()
            with _command(url, telegram_url, "worker"):
                until(lambda: _listens(conn), "the worker listens")
                waits = []
                for broadcast_id, client_id, chat_id in rows:
                    clicked = time.time()
                    conn.execute(QUERIES["request_broadcast"], {"broadcast_id": broadcast_id, "client_id": client_id})
                    requests = until(lambda chat=chat_id: telegram.requests(chat_id=chat), "the first request")  # type: ignore[misc]
                    waits.append((requests[0]["at"] - clicked) * 1000)
        _print_waits("From a click to the first request at the Bot API", waits)


def _click_to_both_messages(server_url: str, clicks: int) -> None:
    """As people wait for it: over HTTP, with Telegram's limits, and with an earlier pair to delete first."""
    with _database(server_url, clicks) as url, running() as telegram_url, ExitStack() as stack:
        telegram = Telegram(telegram_url)
        conn = stack.enter_context(databases.connect(url))
        stack.enter_context(_command(url, telegram_url, "worker"))
        until(lambda: _completed(conn) == clicks, "the earlier pairs are sent", seconds=300)
        conn.execute("UPDATE broadcast.settings SET messages_per_second = DEFAULT, chat_interval = DEFAULT")
        with listen("127.0.0.1", 0) as taken:
            port = taken.getsockname()[1]
        stack.enter_context(_command(url, telegram_url, "api", "--port", str(port)))
        http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}"))
        until(lambda: _is_healthy(http), "the API is healthy", seconds=60)
        waits = []
        for broadcast_id, client_id, chat_id in conn.execute(
            "SELECT id, client_id, closed_channel_id FROM broadcast_manager"
        ).fetchall():
            user = User(client_id, "bench", "", True, True, None, None, False)
            headers = {"Authorization": f"Bearer {issue_token(user, 'access', SECRET)}"}
            clicked = time.time()
            answer = http.post("/api/broadcast/trigger", json={"broadcast_id": str(broadcast_id)}, headers=headers)
            answer.raise_for_status()
            until(lambda: _completed(conn) == clicks, "both messages are sent")
            waits.append((telegram.requests(chat_id=chat_id)[-1]["at"] - clicked) * 1000)
        if len(telegram.requests("deleteMessage")) != 2 * clicks or len(telegram.messages()) != 4 * clicks:
            raise RuntimeError("not every click deleted two messages and sent two")
        _print_waits(
            "From POST /api/broadcast/trigger to the second of the two messages, with the default limits", waits
        )


def _print_waits(title: str, waits: list[float]) -> None:
    waits.sort()
    console.print(
        f"{title}, {len(waits)} clicks one after the other: median {statistics.median(waits):.1f} ms,"
        f" p99 {waits[int(0.99 * len(waits))]:.1f} ms, longest {waits[-1]:.1f} ms"
    )


@contextmanager
def _command(url: str, telegram_url: str, *arguments: str) -> Iterator[None]:
    environment = {
        "DATABASE_URL": url,
        "JWT_SECRET_KEY": SECRET,
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_BASE_URL": telegram_url,
        "WORKER_POLL_SECONDS": "3600",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", "from pyapi.cli import app; app()", *arguments],
        env=os.environ | environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def _completed(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute("SELECT count(*) FROM broadcast_manager WHERE broadcast_status = 'completed'").fetchone()
    return int(row[0]) if row else 0


def _is_healthy(http: httpx.Client) -> bool:
    try:
        return http.get("/api/health").status_code == 200
    except httpx.TransportError:
        return False


def _listens(conn: psycopg.Connection[Any]) -> bool:
    row = conn.execute(
        "SELECT FROM pg_stat_activity"
        " WHERE datname = current_database() AND query ILIKE 'LISTEN broadcast_manager_due%'"
    ).fetchone()
    return row is not None


if __name__ == "__main__":
    typer.run(main)
