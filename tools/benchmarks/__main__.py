"""``make bench``: the figures of docs/performance.md, side by side in one run."""

import logging
from typing import Annotated

import typer

from tools import databases
from tools.benchmarks import bulk, growth, notify, profile, single, trials, updates
from tools.benchmarks.compare import console, machine
from tools.benchmarks.durable_server import durable_server


def main(
    pg: Annotated[str, typer.Option(help="embedded, system or url")] = "embedded",
    rows: Annotated[int, typer.Option(help="channels in one bulk insert")] = 200_000,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    only: Annotated[
        str, typer.Option(help="bulk, profile, single, notify, growth, updates, all or, apart, trials")
    ] = "all",
    full: Annotated[bool, typer.Option("--full", help="growth up to 10 million channels")] = False,
) -> None:
    """Measure on a server of its own, with fsync on."""
    logging.disable(logging.INFO)  # Alembic's steps, once for each database
    with durable_server(pg) as server_url:
        databases.create_owner(server_url)
        with databases.connect(server_url) as conn:
            console.print(machine(conn))
        if only in ("bulk", "all"):
            bulk.measure(server_url, rows, rounds)
        if only in ("profile", "all"):
            profile.measure(server_url, rounds)
        if only in ("single", "all"):
            single.measure(server_url, rounds)
        if only in ("notify", "all"):
            notify.measure(server_url, rounds)
        if only in ("growth", "all"):
            growth.measure(server_url, [100_000, 1_000_000, 10_000_000] if full else [100_000, 1_000_000], rounds)
        if only in ("updates", "all"):
            updates.measure(server_url, rounds)
        if only == "trials":
            trials.measure(server_url, rounds)


if __name__ == "__main__":
    typer.run(main)
