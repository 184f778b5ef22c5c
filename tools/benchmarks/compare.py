"""Runs variants in turns, so that a noisy machine hurts all of them alike, and reports medians of paired ratios."""

import os
import platform
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib as mpl
import psycopg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

mpl.use("Agg")
import matplotlib.pyplot as plt

console = Console(width=130)
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "performance"

Times = dict[str, list[float]]


def interleave(variants: Mapping[str, Callable[[int], float]], rounds: int) -> Times:
    """Run every variant once a round, in an order that turns by one each round.

    Args:
        variants: name → function of the round's number that gives the seconds for one operation.
        rounds: how often.
    """
    times: Times = {name: [] for name in variants}
    names = list(variants)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            times[name].append(variants[name](number))
    return times


def ratio(times: Times, base: str, name: str) -> float:
    """How many times as fast a variant is as the base: the median over the rounds of base / variant."""
    return statistics.median(b / t for b, t in zip(times[base], times[name], strict=True))


def report(title: str, times: Times, bases: list[str], operations: Mapping[str, int], picture: str) -> None:
    """Print a table of medians and ratios and write the same as a bar chart.

    Args:
        title: what was measured.
        times: seconds for one operation, by variant and round.
        bases: the variants that the others are compared with.
        operations: how many of them a variant did in one round.
        picture: file name of the chart.
    """
    table = Table("variant", "a round", "median µs each", *[f"x {b}" for b in bases], title=title)
    for name, seconds in times.items():
        micros = f"{statistics.median(seconds) * 1e6:.1f}"
        table.add_row(name, f"{operations[name]:,}", micros, *[f"{ratio(times, base, name):.2f}" for base in bases])
    console.print(table)
    rounds = len(times[bases[0]])
    bars(
        title,
        {name: ratio(times, bases[0], name) for name in times},
        f"times as fast as: {bases[0]} (median of {rounds} paired rounds)",
        picture,
    )


def bars(title: str, values: Mapping[str, float], label: str, picture: str, mark: float = 1) -> None:
    """Write a bar chart with a line at `mark`, the first value on top."""
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(values) + 1.2), layout="constrained")
    names = list(values)[::-1]
    drawn = axes.barh(names, [values[name] for name in names], color="#3b7dd8")
    axes.bar_label(drawn, fmt=lambda value: f"{value:.2f}" if value < 1000 else f"{value:,.0f}", padding=3, fontsize=8)
    axes.axvline(mark, color="black", linewidth=0.8)
    axes.margins(x=0.1)
    axes.set_xlabel(label)
    axes.set_title(title)
    save(figure, picture)


def save(figure: Figure, picture: str) -> None:
    """Write a figure to the folder of the docs' pictures, and close it."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURES / picture, dpi=110)
    plt.close(figure)


def machine(conn: psycopg.Connection[tuple[object, ...]]) -> str:
    """The facts that a figure means nothing without."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    settings = ", ".join(
        f"{name} {conn.execute('SELECT current_setting(%s)', [name]).fetchone()[0]}"  # type: ignore[index]
        for name in ("server_version", "fsync", "synchronous_commit", "shared_buffers", "max_wal_size")
    )
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}; PostgreSQL: {settings}"
    )
