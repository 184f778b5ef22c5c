"""The scheduler's updates: rows/s, share of HOT updates and size, with and without fillfactor and indexes."""

import statistics
import time
from typing import Any, LiteralString

import psycopg
from rich.table import Table

from tools import databases
from tools.benchmarks.bulk import INSERT, REDUNDANT
from tools.benchmarks.compare import Times, bars, console, interleave

# Claim, then success: what one broadcast writes.
CLAIM: LiteralString = "UPDATE broadcast_manager SET broadcast_status = 'in_progress', updated_at = now()"
FINISH: LiteralString = """
UPDATE broadcast_manager SET broadcast_status = 'completed', last_sent_time = now(),
  next_send_time = now() + interval '24 hours', total_broadcasts = total_broadcasts + 1,
  successful_broadcasts = successful_broadcasts + 1, consecutive_failures = 0, updated_at = now()
"""
FILLFACTOR: LiteralString = "ALTER TABLE broadcast_manager SET (fillfactor = 80); VACUUM FULL broadcast_manager"
NO_INDEXES: LiteralString = "DROP INDEX idx_broadcast_status; DROP INDEX idx_broadcast_next_send"
VARIANTS: dict[str, LiteralString] = {
    "indexes of old": "SELECT",
    "indexes of old, fillfactor 80": FILLFACTOR,
    "none on status": "DROP INDEX idx_broadcast_status",
    "none on status and time": NO_INDEXES,
    "none on status and time, fillfactor 80": f"{NO_INDEXES}; {FILLFACTOR}",
}


def measure(server_url: str, rounds: int, updates: int = 200_000, channels: int = 50_000) -> None:
    """Print rows/s, HOT share and growth for each variant.

    Args:
        server_url: a superuser's URL.
        rounds: rounds of updates; all of them together make rounds times ``updates``.
        updates: updates in one round.
        channels: rows of the table.
    """
    made: dict[str, psycopg.Connection[tuple[Any, ...]]] = {}
    urls: list[str] = []
    try:
        for name, change in VARIANTS.items():
            url = databases.create_database(server_url)
            urls.append(url)
            databases.load(url, databases.EXISTING_SCHEMA)
            conn = made[name] = databases.connect(url)
            conn.execute(
                "INSERT INTO registered_users (username, email, password_hash)"
                " SELECT 'user ' || n, n || '@example.org', 'x' FROM generate_series(1, %s) AS n",
                [channels // 10],
            )
            databases.upgrade(url)
            conn.execute(INSERT, {"first": 1, "last": channels, "owners": channels // 10})
            conn.execute(REDUNDANT)
            for statement in change.split(";"):
                conn.execute(statement)
        sizes = {name: _size(conn) for name, conn in made.items()}
        times: Times = interleave({name: _updates(conn, updates) for name, conn in made.items()}, rounds)
        table = Table(
            "broadcast_manager", "updates/s", "HOT", "MiB before", "after", title=f"{rounds * updates:,} updates each"
        )
        for name, seconds in times.items():
            conn = made[name]
            conn.execute("SELECT pg_stat_force_next_flush()")
            hot = conn.execute(
                "SELECT round(100.0 * n_tup_hot_upd / nullif(n_tup_upd, 0)) FROM pg_stat_user_tables"
                " WHERE relname = 'broadcast_manager'"
            ).fetchone()
            rate = f"{1 / statistics.median(seconds):,.0f}"
            table.add_row(name, rate, f"{hot[0] if hot else '?'} %", f"{sizes[name]:.0f}", f"{_size(conn):.0f}")
        console.print(table)
        rates = {name: 1 / statistics.median(seconds) for name, seconds in times.items()}
        bars("The scheduler's updates", rates, "updates/s (median)", "updates.png", mark=0)
    finally:
        for url in urls:
            databases.drop_database(server_url, url)


def _updates(conn: psycopg.Connection[tuple[Any, ...]], updates: int) -> Any:
    def run(number: int) -> float:
        ids = [
            row[0] for row in conn.execute("SELECT id FROM broadcast_manager ORDER BY md5(id::text || %s)", [number])
        ]
        start = time.perf_counter()
        done = 0
        while done < updates:
            batch = [ids[(done // 2 + n) % len(ids)] for n in range(100)]
            for statement in (CLAIM, FINISH):
                conn.execute(statement + " WHERE id = ANY (%s)", [batch])
                done += len(batch)
        return (time.perf_counter() - start) / updates

    return run


def _size(conn: psycopg.Connection[tuple[Any, ...]]) -> float:
    row = conn.execute("SELECT pg_total_relation_size('broadcast_manager') / 2.0 ^ 20").fetchone()
    return float(row[0]) if row else 0.0
