"""The backfill against one bare INSERT … SELECT, as the upgrade meets the tables: ``make bench-backfill``."""

import time
from statistics import median
from typing import Annotated, LiteralString

import typer
from rich.console import Console
from rich.table import Table

from tools import databases
from tools.benchmarks import old_database
from tools.benchmarks.durable_server import durable_server

BARE: LiteralString = """
INSERT INTO public.broadcast_manager (client_id, open_channel_id, closed_channel_id)
SELECT c.client_id, c.open_channel_id, c.closed_channel_id
FROM public.main_clients_database AS c
WHERE NOT EXISTS (
  SELECT FROM public.broadcast_manager AS b
  WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id
)
"""
BACKFILL: LiteralString = "CALL broadcast.backfill_broadcasts()"
STATE_OF_THE_BACKFILL = "0007"


def main(
    channels: Annotated[int, typer.Option(help="how many channels, all without a row")] = 300_000,
    rounds: Annotated[int, typer.Option(help="pairs of runs; the first to run changes with each")] = 5,
    server: Annotated[str | None, typer.Option(help="system, embedded or url")] = None,
) -> None:
    """Fill an emptied broadcast_manager by turns and print rows per second and their ratio."""
    times: dict[str, list[float]] = {BARE: [], BACKFILL: []}
    with durable_server(server) as server_url:
        databases.create_owner(server_url)
        url = databases.create_database(server_url)
        try:
            old_database.fill(url, channels)
            databases.upgrade(url, STATE_OF_THE_BACKFILL)
            for n in range(rounds):
                for statement in (BARE, BACKFILL) if n % 2 else (BACKFILL, BARE):
                    times[statement].append(seconds(url, statement))
        finally:
            databases.drop_database(server_url, url)
    table = Table("what", "rows/s, median", "ratio, median of pairs", title=f"{channels:,} rows, nobody else there")
    for statement, name in ((BARE, "one bare INSERT … SELECT"), (BACKFILL, "CALL broadcast.backfill_broadcasts()")):
        ratio = median(bare / own for bare, own in zip(times[BARE], times[statement], strict=True))
        table.add_row(name, f"{channels / median(times[statement]):,.0f}", f"{ratio:.2f}")
    Console(width=120).print(table)


def seconds(url: str, statement: LiteralString) -> float:
    """Run a statement on an empty broadcast_manager; tell its time."""
    with databases.connect(url) as conn:
        with conn.transaction():
            conn.execute("SET LOCAL broadcast_manager.allow_truncate = 'on'")
            conn.execute("TRUNCATE public.broadcast_manager")
        started = time.monotonic()
        conn.execute(statement)
        return time.monotonic() - started


if __name__ == "__main__":
    typer.run(main)
