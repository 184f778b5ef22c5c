"""What clients feel while `alembic upgrade head` runs on a loaded live database: ``make bench-live``."""

import os
import platform
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from pyapi.checks.violations import find_violations
from tools import databases
from tools.benchmarks import clients, old_database
from tools.benchmarks.clients import Sample
from tools.benchmarks.durable_server import durable_server
from tools.benchmarks.live_picture import draw

STEP = re.compile(r"Running upgrade .*-> (\d{4}), ")
PROGRESS = re.compile(r"(repair|backfill): (\d+) of (\d+) rows, (\d+) rows/s")
console = Console(width=120)


class Window(NamedTuple):
    """A stretch of time (monotonic seconds) under one name."""

    name: str
    start: float
    end: float

    def samples(self, samples: Sequence[Sample]) -> list[Sample]:
        """Those statements that were on their way in it."""
        return [s for s in samples if s.started < self.end and s.started + s.seconds >= self.start]


@dataclass
class Migration:
    """A run of `alembic upgrade head`: when each revision began, and what it told of its progress."""

    start: float = 0
    end: float = 0
    steps: list[tuple[str, float]] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    def windows(self) -> Iterator[Window]:
        """Each revision as a window."""
        ends = [began for _, began in self.steps[1:]] + [self.end]
        for (name, began), end in zip(self.steps, ends, strict=True):
            yield Window(name, began, end)


def migrate(url: str, at_most: float) -> Migration:
    """Run `alembic upgrade head` in a process of its own.

    Raises:
        RuntimeError: it failed, or took longer than `at_most` seconds and was ended.
    """
    run = Migration(time.monotonic())
    said = []
    process = subprocess.Popen(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=databases.ROOT,
        env={**os.environ, "DATABASE_URL": url},
        stderr=subprocess.PIPE,
        text=True,
    )
    watch = threading.Timer(at_most, process.kill)
    watch.start()
    assert process.stderr is not None
    for line in process.stderr:
        now = time.monotonic()
        said.append(line)
        if step := STEP.search(line):
            run.steps.append((step[1], now))
        elif progress := PROGRESS.search(line):
            run.progress.append(progress[0])
    code = process.wait()
    watch.cancel()
    run.end = time.monotonic()
    if code != 0:
        raise RuntimeError(f"alembic upgrade head ended with {code}:\n{''.join(said)}")
    return run


def main(
    channels: Annotated[int, typer.Option(help="how many channels the database has")] = 300_000,
    rate: Annotated[float, typer.Option(help="statements per second of all clients together")] = 250,
    seconds: Annotated[float, typer.Option(help="how long to look before; after: as long as the upgrade took")] = 30,
    at_most: Annotated[float, typer.Option(help="seconds after which an upgrade is ended")] = 1800,
    server: Annotated[str | None, typer.Option(help="system, embedded or url")] = None,
    picture: Annotated[Path | None, typer.Option(help="where to draw the clients' waits")] = None,
) -> None:
    """Build the database, run the clients before, during and after the upgrade, and print what they felt."""
    with durable_server(server) as server_url:
        databases.create_owner(server_url)
        url = databases.create_database(server_url)
        try:
            console.print(f"making {channels:,} channels …")
            old_database.fill(url, channels)
            with databases.connect(server_url) as conn:
                conn.execute("CHECKPOINT")
            console.print(facts(server_url))
            measure(url, channels, rate, seconds, at_most, picture)
        finally:
            databases.drop_database(server_url, url)


def measure(url: str, channels: int, rate: float, seconds: float, at_most: float, picture: Path | None) -> None:
    """Run the load around one upgrade; print the tables and draw the picture.

    Raises:
        typer.Exit: a statement failed, or the integrity check found something.
    """
    with clients.running(url, channels, statements_per_second=rate) as load:
        start = time.monotonic()
        time.sleep(seconds)
        migration = migrate(url, at_most)
        time.sleep(min(max(seconds, migration.end - migration.start), 120))
        end = time.monotonic()
    samples = load.samples
    windows = [
        Window("before", start, migration.start),
        Window("during", migration.start, migration.end),
        Window("after", migration.end, end),
    ]
    console.print(waits(windows, samples, "Clients' waits"))
    console.print(longest_in_equal_windows(windows, samples))
    console.print(waits(list(migration.windows()), samples, "By revision"))
    for line in last_of_each_part(migration.progress):
        console.print(line)
    with databases.connect(url) as conn:
        violations = len(find_violations(conn))
    console.print(f"violations after it: {violations}")
    if picture is not None:
        draw(picture, samples, migration.start, [(w.name, w.start, w.end) for w in migration.windows()])
    if violations or any(s.sqlstate for s in samples):
        raise typer.Exit(1)


def longest_in_equal_windows(windows: Sequence[Window], samples: Sequence[Sample]) -> str:
    """Tell the longest wait during the upgrade beside those of windows as long as it, before it and after it."""
    before, during, after = windows
    length = during.end - during.start
    controls = [
        Window(window.name, window.start + n * length, window.start + (n + 1) * length)
        for window in (before, after)
        for n in range(int((window.end - window.start) / length))
    ]
    longest = [max((s.seconds * 1000 for s in w.samples(samples)), default=0.0) for w in (during, *controls)]
    return (
        f"longest wait during the upgrade: {longest[0]:.1f} ms; in {len(controls)} windows as long ({length:.1f} s)"
        f" without it: {', '.join(f'{wait:.1f}' for wait in longest[1:])} ms"
    )


def last_of_each_part(told: Sequence[str]) -> list[str]:
    """Keep the last line of every part that told of its progress."""
    return [
        line for line, after in zip(told, [*told[1:], ""], strict=True) if line.split()[0] != after.partition(" ")[0]
    ]


def waits(windows: Sequence[Window], samples: Sequence[Sample], title: str) -> Table:
    """Make a table of what clients felt in each window; milliseconds."""
    table = Table("window", title=title)
    for heading in ("seconds", "statements", "per s", "median", "p99.9", "longest"):
        table.add_column(heading, justify="right")
    table.add_column("the longest was")
    table.add_column("errors")
    for window in windows:
        inside = window.samples(samples)
        length = window.end - window.start
        row = [window.name, f"{length:.1f}", f"{len(inside):,}", f"{len(inside) / length:.0f}"]
        if inside:
            times = sorted(s.seconds * 1000 for s in inside)
            longest = max(inside, key=lambda s: s.seconds)
            row += [f"{median(times):.1f}", f"{times[int(len(times) * 0.999)]:.1f}", f"{times[-1]:.1f}", longest.kind]
        else:
            row += ["", "", "", ""]
        errors = Counter(s.sqlstate for s in inside if s.sqlstate)
        table.add_row(*row, ", ".join(f"{count} of {state}" for state, count in errors.items()) or "none")
    return table


def facts(server_url: str) -> str:
    """Tell what the figures were measured on."""
    with databases.connect(server_url) as conn:
        settings = [
            f"{name} {conn.execute('SELECT current_setting(%s)', [name]).fetchone()[0]}"  # type: ignore[index]
            for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers", "max_wal_size")
        ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores (load average {os.getloadavg()[0]:.1f} at the start), {memory:.0f} GiB,"
        f" {platform.system()} {platform.machine()}, Python {platform.python_version()};"
        f" PostgreSQL: {', '.join(settings)}"
    )


if __name__ == "__main__":
    typer.run(main)
