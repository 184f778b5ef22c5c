"""Growth: what does one channel cost in a small and in a large table, and what do the whole-table jobs cost?"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, LiteralString, NamedTuple

import matplotlib.pyplot as plt
import psycopg
from rich.table import Table

from tools import databases
from tools.benchmarks.bulk import INSERT
from tools.benchmarks.compare import console, save

Connection = psycopg.Connection[tuple[Any, ...]]

SAMPLE = 10_000
READS = 1000
# Above so many channels a round of backfills takes minutes, and fewer of them will do.
MANY = 1_000_000
ROUNDS_OF_MANY = 3
# Numbers that no size reaches, so that a sample can be deleted again.
FAR = 900_000_000
DELETE: LiteralString = """
DELETE FROM main_clients_database
WHERE (open_channel_id, closed_channel_id) IN (
  SELECT '-100' || (1000000000 + n), '-100' || (5000000000 + n)
  FROM generate_series(%(first)s::int, %(last)s::int) AS n)
"""
ANTI_JOINS: LiteralString = """
SELECT
  (SELECT count(*) FROM main_clients_database AS c WHERE NOT EXISTS (
    SELECT FROM broadcast_manager AS b
    WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id)),
  (SELECT count(*) FROM broadcast_manager AS b WHERE NOT EXISTS (
    SELECT FROM main_clients_database AS c
    WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id))
"""
BARE_BACKFILL: LiteralString = """
INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)
SELECT c.client_id, c.open_channel_id, c.closed_channel_id FROM main_clients_database AS c
WHERE NOT EXISTS (
  SELECT FROM broadcast_manager AS b
  WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id)
"""
TAKE_AWAY: LiteralString = """
DELETE FROM broadcast_manager AS b USING main_clients_database AS c
WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id AND c.id %% 4 = %s
"""


class Costs(NamedTuple):
    """Seconds, by round: of one channel's operation, of a whole check, of one row's backfill."""

    insert: list[float]
    read: list[float]
    delete: list[float]
    check: list[float]
    anti_joins: list[float]
    backfill: list[float]
    bare: list[float]


def measure(server_url: str, sizes: list[int], rounds: int) -> None:
    """Print medians per operation at each size, and the whole-table jobs against their plain forms.

    Args:
        server_url: a superuser's URL.
        sizes: numbers of channels, rising; the table grows from one to the next.
        rounds: samples of each operation at each size.
    """
    url = databases.create_database(server_url)
    try:
        databases.load(url, databases.EXISTING_SCHEMA)
        with databases.connect(url) as conn:
            conn.execute(
                "INSERT INTO registered_users (username, email, password_hash)"
                " SELECT 'user ' || n, n || '@example.org', 'x' FROM generate_series(1, %s) AS n",
                [sizes[-1] // 10],
            )
        databases.upgrade(url)
        table = Table(
            "channels", "insert µs", "x smallest", "read id µs", "delete µs", "full check s", "anti-joins s",
            "check / anti-joins", "backfill µs", "bare µs", "bare / backfill",
            title="Growth: medians, an operation in µs",
        )  # fmt: skip
        with databases.connect(url) as conn:
            last = 0
            costs: list[Costs] = []
            for size in sizes:
                _grow(conn, last, size, sizes[-1] // 10)
                last = size
                costs.append(_at_this_size(conn, size, sizes[-1] // 10, rounds))
                table.add_row(f"{size:,}", *_cells(costs[-1], costs[0]))
        console.print(table)
        _draw(sizes, costs)
    finally:
        databases.drop_database(server_url, url)


def _grow(conn: Connection, first: int, last: int, owners: int) -> None:
    for start in range(first, last, 1_000_000):
        conn.execute(INSERT, {"first": start + 1, "last": min(start + 1_000_000, last), "owners": owners})
    conn.execute("VACUUM (ANALYZE) main_clients_database, broadcast_manager")


def _at_this_size(conn: Connection, size: int, owners: int, rounds: int) -> Costs:
    numbers = {"first": FAR + 1, "last": FAR + SAMPLE, "owners": owners}
    costs = Costs([], [], [], [], [], [], [])
    for _ in range(rounds):
        costs.insert.append(_seconds(lambda: conn.execute(INSERT, numbers)) / SAMPLE)
        costs.read.append(_seconds(lambda: _read_back(conn, size)) / READS)
        costs.delete.append(_seconds(lambda: conn.execute(DELETE, numbers)) / SAMPLE)
        costs.check.append(_seconds(lambda: conn.execute("SELECT count(*) FROM broadcast.integrity_violations")))
        costs.anti_joins.append(_seconds(lambda: conn.execute(ANTI_JOINS)))
    for number in range(rounds if size <= MANY else min(rounds, ROUNDS_OF_MANY)):
        for times, job in ((costs.backfill, "CALL broadcast.backfill_broadcasts()"), (costs.bare, BARE_BACKFILL)):
            taken = _take_away(conn, number % 4)
            times.append(_seconds(lambda job=job: conn.execute(job)) / taken)  # type: ignore[misc]
    return costs


def _cells(costs: Costs, smallest: Costs) -> list[str]:
    return [
        f"{median(costs.insert) * 1e6:.1f}",
        f"{median(costs.insert) / median(smallest.insert):.2f}",
        f"{median(costs.read) * 1e6:.1f}",
        f"{median(costs.delete) * 1e6:.1f}",
        f"{median(costs.check):.2f}",
        f"{median(costs.anti_joins):.2f}",
        f"{_ratio(costs.check, costs.anti_joins):.2f}",
        f"{median(costs.backfill) * 1e6:.1f}",
        f"{median(costs.bare) * 1e6:.1f}",
        f"{_ratio(costs.bare, costs.backfill):.2f}",
    ]


def _ratio(over: list[float], under: list[float]) -> float:
    return median(a / b for a, b in zip(over, under, strict=True))


def _draw(sizes: list[int], costs: list[Costs]) -> None:
    figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
    for name in ("insert", "read", "delete", "backfill"):
        times = [median(getattr(cost, name)) * 1e6 for cost in costs]
        axes.plot(sizes, times, marker="o", label=name)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("channels in the table")
    axes.set_ylabel("µs for one (median)")
    axes.set_title("Growth")
    axes.legend()
    save(figure, "growth.png")


def _read_back(conn: Connection, size: int) -> None:
    query: LiteralString = "SELECT id FROM broadcast_manager WHERE open_channel_id = %s AND closed_channel_id = %s"
    for n in range(1, size, max(size // READS, 1)):
        conn.execute(query, [f"-100{1_000_000_000 + n}", f"-100{5_000_000_000 + n}"], prepare=True)


def _take_away(conn: Connection, quarter: int) -> int:
    """Remove a quarter of the broadcast rows, with the key out of the way, and give their number."""
    key: LiteralString = "main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey"
    conn.execute(f"ALTER TABLE {key}")
    taken = conn.execute(TAKE_AWAY, [quarter]).rowcount
    conn.execute(
        "ALTER TABLE main_clients_database ADD CONSTRAINT main_clients_database_pair_fkey"
        " FOREIGN KEY (open_channel_id, closed_channel_id)"
        " REFERENCES broadcast_manager (open_channel_id, closed_channel_id) DEFERRABLE INITIALLY DEFERRED NOT VALID"
    )
    conn.execute("VACUUM broadcast_manager")
    return taken


def _seconds(job: Callable[[], object]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start
