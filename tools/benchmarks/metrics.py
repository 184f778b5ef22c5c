"""What a scrape costs on a large database, and what the full check takes: ``make bench-metrics``."""

import time
from collections.abc import Callable
from statistics import median, quantiles
from typing import Annotated, LiteralString

import httpx
import typer
from rich.console import Console
from rich.table import Table

from pyapi.metrics import MetricsSettings, metrics_served
from pyapi.queries import QUERIES
from tools import databases
from tools.benchmarks import old_database
from tools.benchmarks.durable_server import durable_server

# A day of deliveries, of whose messages one in a hundred failed and one in a thousand is unknown; a tenth is due.
_DAY: tuple[LiteralString, ...] = (
    "INSERT INTO broadcast.deliveries (broadcast_id, claimed_at, finished_at, outcome) "
    "SELECT b.id, now(), now(), 'sent' FROM public.broadcast_manager AS b",
    "INSERT INTO broadcast.delivery_parts "
    "(delivery_id, part, attempt, chat_id, state, send_at, decided_at, message_id, error_code) "
    "SELECT d.id, p.part, 1, '-100' || d.id, s.state, now(), now(), CASE s.state WHEN 'sent' THEN 1 END, "
    "CASE s.state WHEN 'failed' THEN 'kicked' END "
    "FROM broadcast.deliveries AS d CROSS JOIN (VALUES ('open'), ('closed')) AS p (part) CROSS JOIN LATERAL "
    "(SELECT CASE WHEN d.id % 1000 = 0 THEN 'unknown' WHEN d.id % 100 = 1 THEN 'failed' ELSE 'sent' END) AS s (state)",
    "UPDATE public.broadcast_manager SET broadcast_status = 'completed', next_send_time = now() + random() * "
    "interval '1 day' - interval '2 h 24 min'",
    "VACUUM (ANALYZE) public.broadcast_manager",
    "VACUUM (ANALYZE) broadcast.deliveries",
    "VACUUM (ANALYZE) broadcast.delivery_parts",
)


def main(
    channels: Annotated[int, typer.Option(help="how many channels, each with a day's delivery")] = 1_000_000,
    scrapes: Annotated[int, typer.Option(help="how many scrapes, one after the other")] = 100,
    server: Annotated[str | None, typer.Option(help="system, embedded or url")] = None,
) -> None:
    """Fill a database, scrape it, and print the times in milliseconds."""
    with durable_server(server) as server_url:
        databases.create_owner(server_url)
        url = databases.create_database(server_url)
        try:
            old_database.fill(url, channels)
            databases.upgrade(url)
            with databases.connect(url) as conn:
                for statement in _DAY:
                    conn.execute(statement)
                table = Table(
                    "what", "median, ms", "p99, ms", title=f"{channels:,} channels, {2 * channels:,} messages"
                )
                check = [milliseconds(lambda: conn.execute("SELECT broadcast.check_integrity()")) for _ in range(5)]
                table.add_row("the full check, check_integrity()", f"{median(check):,.0f}", "")
                view = [milliseconds(lambda: conn.execute(QUERIES["metrics"])) for _ in range(scrapes)]
                add(table, "the view broadcast.metrics", view)
            with metrics_served(MetricsSettings(metrics_port=0), url) as port, httpx.Client() as http:
                address = f"http://127.0.0.1:{port}/metrics"
                add(table, "a scrape, with its connection", [milliseconds(lambda: http.get(address)) for _ in view])
        finally:
            databases.drop_database(server_url, url)
    Console(width=120).print(table)


def milliseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.monotonic()
    call()
    return (time.monotonic() - began) * 1000


def add(table: Table, what: str, times: list[float]) -> None:
    """A row of the table."""
    table.add_row(what, f"{median(times):.1f}", f"{quantiles(times, n=100)[98]:.1f}")


if __name__ == "__main__":
    typer.run(main)
