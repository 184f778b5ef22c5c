"""Draws what other requests waited, and how long after a change its page was told."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib import pyplot


def draw(
    path: Path,
    began: float,
    opened: float,
    waits: Sequence[tuple[float, float]],
    told: Sequence[tuple[float, float]],
    goal: float,
) -> None:
    """Write a PNG: each request and each change a dot, at its time since `began`; the streams open until `opened`."""
    matplotlib.use("Agg")
    figure, axes = pyplot.subplots(figsize=(12, 5), dpi=110, layout="constrained")
    axes.axvspan(0, opened - began, color="#4c72b0", alpha=0.15, linewidth=0)
    for points, color, label in (
        (told, "#4c72b0", "from a change until its page is told"),
        (waits, "#333333", "wait of another request"),
    ):
        axes.scatter(
            [at - began for at, _ in points],
            [seconds * 1000 for _, seconds in points],
            s=5,
            color=color,
            linewidth=0,
            label=label,
        )
    axes.axhline(goal * 1000, color="red", linestyle="--", linewidth=0.8)
    axes.annotate(
        f"goal of requests: {goal * 1000:.0f} ms",
        (0, goal * 1000),
        (4, 3),
        ("axes fraction", "data"),
        "offset points",
        color="red",
    )
    axes.set_yscale("log")
    axes.set_xlabel("seconds since the first stream was opened (shaded: they open)")
    axes.set_ylabel("ms")
    axes.legend(loc="upper right")
    axes.margins(x=0.01)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
