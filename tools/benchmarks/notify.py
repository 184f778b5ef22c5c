"""What the notifications for dashboards cost: the same statements without triggers, unwatched and watched."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

from rich.table import Table

from tools import databases
from tools.benchmarks.bulk import INSERT
from tools.benchmarks.compare import console, interleave, ratio

OWNERS = 1_000
UPDATE: LiteralString = "UPDATE broadcast_manager SET total_broadcasts = total_broadcasts + 1 WHERE id = %s"
BARE, UNWATCHED, WATCHED = "no triggers", "nobody looks", "everyone looks"
WATCH: LiteralString = """
INSERT INTO broadcast.watchers SELECT user_id, now() + interval '1 day' FROM registered_users
"""


def measure(server_url: str, rounds: int, rows: int = 20_000, statements: int = 1_000, writers: int = 8) -> None:
    """Print µs for one channel or update without the triggers, with them, and with every client's dashboard open.

    Args:
        server_url: a superuser's URL.
        rounds: rounds of each.
        rows: channels in one bulk statement.
        statements: statements that change one row each.
        writers: connections that send such statements at the same time.
    """
    urls = {name: databases.create_database(server_url) for name in (BARE, UNWATCHED, WATCHED)}
    try:
        for name, url in urls.items():
            databases.load(url, databases.EXISTING_SCHEMA)
            databases.upgrade(url)
            with databases.connect(url) as conn:
                conn.execute(
                    "INSERT INTO registered_users (username, email, password_hash)"
                    " SELECT 'user ' || n, n || '@example.org', 'x' FROM generate_series(1, %s) AS n",
                    [OWNERS],
                )
                if name == BARE:
                    conn.execute("DROP FUNCTION broadcast.notify_watchers() CASCADE")
                elif name == WATCHED:
                    conn.execute(WATCH)
        table = Table(
            "", *urls, "unwatched / none", "watched / none", title=f"µs for one row, median of {rounds} rounds"
        )
        for title, run in _runs(rows, statements, writers):
            times = interleave({name: run(url) for name, url in urls.items()}, rounds)
            micros = [f"{sorted(times[name])[rounds // 2] * 1e6:.1f}" for name in urls]
            ratios = [f"{1 / ratio(times, BARE, name):.2f}" for name in (UNWATCHED, WATCHED)]
            table.add_row(title, *micros, *ratios)
        console.print(table)
    finally:
        for url in urls.values():
            databases.drop_database(server_url, url)


def _runs(rows: int, statements: int, writers: int) -> Iterator[tuple[str, Callable[[str], Callable[[int], float]]]]:
    yield f"INSERT … SELECT of {rows:,} channels of {OWNERS:,} owners", lambda url: _bulk(url, rows)
    for commit in ("on", "off"):
        for count in (1, writers):
            yield (
                f"UPDATE of one broadcast row, {count} at a time, synchronous_commit {commit}",
                lambda url, count=count, commit=commit: _updates(url, statements, count, commit),  # type: ignore[misc]
            )


def _bulk(url: str, rows: int) -> Callable[[int], float]:
    def run(number: int) -> float:
        with databases.connect(url) as conn:
            start = time.perf_counter()
            conn.execute(INSERT, {"first": number * rows + 1, "last": (number + 1) * rows, "owners": OWNERS})
            return (time.perf_counter() - start) / rows

    return run


def _updates(url: str, statements: int, writers: int, commit: str) -> Callable[[int], float]:
    def run(_: int) -> float:
        with databases.connect(url) as conn:
            ids = [row[0] for row in conn.execute("SELECT id FROM broadcast_manager LIMIT %s", [statements])]
        with ThreadPoolExecutor(writers) as pool:
            start = time.perf_counter()
            list(pool.map(lambda share: _send(url, ids[share::writers], commit), range(writers)))
            return (time.perf_counter() - start) / len(ids)

    return run


def _send(url: str, ids: list[Any], commit: str) -> None:
    with databases.connect(url) as conn:
        conn.execute("SELECT set_config('synchronous_commit', %s, false)", [commit])
        for broadcast_id in ids:
            conn.execute(UPDATE, [broadcast_id])
