"""Tells how far a migration or a backfill has come: a bar on a terminal, log lines elsewhere.

The procedures send a NOTICE after each batch, with `{"step": …, "done": …, "total": …}` as its DETAIL.
"""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TextIO

from psycopg.errors import Diagnostic
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

log = logging.getLogger("alembic.broadcast_manager")


@dataclass
class Step:
    """A part of a migration, as its batches tell it; times are monotonic seconds."""

    name: str
    first_done: int
    first_seen: float
    done: int
    total: int
    seen: float

    def follows(self, name: str, done: int) -> bool:
        """Tell whether a report with this count goes on with this step, or begins one anew."""
        return name == self.name and done >= self.done

    def rate(self) -> float | None:
        """Rows per second since the first batch; None before the second one."""
        rows, seconds = self.done - self.first_done, self.seen - self.first_seen
        return rows / seconds if rows and seconds else None

    def event(self) -> dict[str, Any]:
        """The event that tells of the step so far, with its fields."""
        so_far = {"found": self.total, "duration_ms": round((self.seen - self.first_seen) * 1000, 1)}
        if self.name == "repair":
            return {"event": "repair.batch", "repaired": self.done, **so_far}
        return {"event": "backfill.batch", "created": self.done, **so_far}

    def __str__(self) -> str:
        text = f"{self.name}: {self.done} of {self.total} rows"
        if rate := self.rate():
            left = timedelta(seconds=round(max(self.total - self.done, 0) / rate))
            text += f", {rate:.0f} rows/s, {left} left"
        return text


@contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Callable[[Diagnostic], None]]:
    """Give a notice handler for psycopg that shows the progress on a stream, which is stderr if none is given."""
    stream = stream or sys.stderr
    if stream.isatty():
        with _bars(stream) as report:
            yield report
    else:
        with _log_lines() as report:
            yield report


@contextmanager
def _log_lines() -> Iterator[Callable[[Diagnostic], None]]:
    # A line a second at most, besides the last one of each step, complete or not.
    step: Step | None = None
    logged = ""
    logged_at = float("-inf")

    def log_step() -> None:
        nonlocal logged, logged_at
        if step is not None and (text := str(step)) != logged:
            # alembic's own lines show the sentence, pyapi.logs shows the event.
            log.info("%s", text, extra={"pyapi_event": step.event()})
            logged, logged_at = text, step.seen

    def report(diagnostic: Diagnostic) -> None:
        nonlocal step
        reported = _reported(diagnostic, step)
        if reported is None:
            return
        if reported is not step:
            log_step()
            step = reported
        if step.seen - logged_at >= 1 or step.done >= step.total:
            log_step()

    try:
        yield report
    finally:
        log_step()


@contextmanager
def _bars(stream: TextIO) -> Iterator[Callable[[Diagnostic], None]]:
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(file=stream),
    )
    step: Step | None = None
    task = TaskID(0)

    def report(diagnostic: Diagnostic) -> None:
        nonlocal step, task
        reported = _reported(diagnostic, step)
        if reported is None:
            return
        if reported is not step:
            step, task = reported, bars.add_task(reported.name, total=reported.total, rate="")
        rate = step.rate()
        bars.update(task, completed=step.done, total=step.total, rate=f"{rate:.0f} rows/s" if rate else "")

    with bars, _logging_above(stream):
        yield report


def _reported(diagnostic: Diagnostic, step: Step | None) -> Step | None:
    """The step that a notice tells of, `step` or a new one, up to date; None for another notice, which is logged."""
    counts = _counts(diagnostic)
    if counts is None:
        log.info("%s", diagnostic.message_primary)
        return None
    name, done, total = counts
    now = _now()
    if step is None or not step.follows(name, done):
        return Step(name, done, now, done, total, now)
    step.done, step.total, step.seen = done, total, now
    return step


@contextmanager
def _logging_above(stream: TextIO) -> Iterator[None]:
    # rich has replaced sys.stderr and prints what is written there above the bars; the handlers still have the
    # original stream.
    handlers = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler) and h.stream is stream]
    for handler in handlers:
        handler.setStream(sys.stderr)
    try:
        yield
    finally:
        for handler in handlers:
            handler.setStream(stream)


def _now() -> float:
    return time.monotonic()


def _counts(diagnostic: Diagnostic) -> tuple[str, int, int] | None:
    try:
        told = json.loads(diagnostic.message_detail or "")
        return str(told["step"]), int(told["done"]), int(told["total"])
    except (ValueError, TypeError, KeyError):
        return None
