"""Draws the clients' waits over time, with the migration's steps."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib import pyplot

from tools.benchmarks.clients import Sample

GOAL_MS = 200


def draw(path: Path, samples: Sequence[Sample], zero: float, steps: Sequence[tuple[str, float, float]]) -> None:
    """Write a PNG: each statement a dot at its time since `zero`, its wait in milliseconds on a logarithmic scale.

    Args:
        path: where to write it.
        samples: the statements.
        zero: when the migration began (monotonic seconds).
        steps: name, begin and end of each of the migration's steps.
    """
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(figsize=(12, 5), dpi=110, layout="constrained")
    for n, (_, start, end) in enumerate(steps):
        axes.axvspan(start - zero, end - zero, color="#4c72b0", alpha=0.10 + 0.10 * (n % 2), linewidth=0)
    width = (samples[-1].started - samples[0].started) / 80 if samples else 0
    taken = float("-inf")
    for name, start, end in steps:
        # Where steps are shorter than a label is wide, only the first of them gets one.
        middle = (start + end) / 2 - zero
        if middle - taken > width:
            axes.annotate(
                name[:4],
                (middle, 1),
                (0, 3),
                ("data", "axes fraction"),
                "offset points",
                rotation=90,
                ha="center",
                va="bottom",
                fontsize=7,
            )
            taken = middle
    fine = [s for s in samples if s.sqlstate is None]
    failed = [s for s in samples if s.sqlstate is not None]
    axes.scatter([s.started - zero for s in fine], [s.seconds * 1000 for s in fine], s=3, color="#333333", linewidth=0)
    axes.scatter([s.started - zero for s in failed], [s.seconds * 1000 for s in failed], s=25, color="red", marker="x")
    axes.axhline(GOAL_MS, color="red", linestyle="--", linewidth=0.8)
    axes.annotate(f"goal: {GOAL_MS} ms", (0, GOAL_MS), (4, 3), ("axes fraction", "data"), "offset points", color="red")
    axes.set_yscale("log")
    axes.set_xlabel("seconds since alembic upgrade head was started (shaded: its revisions)")
    axes.set_ylabel("wait of a client's statement, ms")
    axes.margins(x=0.01)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
