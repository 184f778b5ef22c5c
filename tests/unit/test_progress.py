"""What an operator reads while a migration runs."""

import io
import json
import logging
from dataclasses import dataclass

import pytest

from pyapi.upgrade import progress


@dataclass
class Notice:
    """What psycopg hands to a notice handler, as far as it is read."""

    message_primary: str
    message_detail: str | None = None


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def batch(step: str, done: int, total: int) -> Notice:
    return Notice("", json.dumps({"step": step, "done": done, "total": total}))


def test_lines_tell_step_rows_rate_and_time_left(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([0.0, 0.5, 2.0, 3.0, 3.1])
    monkeypatch.setattr(progress, "_now", lambda: next(times))
    caplog.set_level(logging.INFO, progress.log.name)
    with progress.shown(io.StringIO()) as report:
        for notice in (
            batch("repair", 100, 400),
            batch("repair", 200, 400),
            batch("repair", 300, 400),
            batch("backfill", 500, 1000),
            batch("backfill", 1000, 1000),
            Notice("waiting for SHARE ROW EXCLUSIVE, held by pid 4711"),
            Notice("a notice of another sort", "with a detail that is no JSON"),
        ):
            report(notice)  # type: ignore[arg-type]
    assert caplog.messages == [
        "repair: 100 of 400 rows",
        "repair: 300 of 400 rows, 100 rows/s, 0:00:01 left",
        "backfill: 500 of 1000 rows",
        "backfill: 1000 of 1000 rows, 5000 rows/s, 0:00:00 left",
        "waiting for SHARE ROW EXCLUSIVE, held by pid 4711",
        "a notice of another sort",
    ]
    told = [getattr(record, "pyapi_event", None) for record in caplog.records]
    assert told == [
        {"event": "repair.batch", "repaired": 100, "found": 400, "duration_ms": 0.0},
        {"event": "repair.batch", "repaired": 300, "found": 400, "duration_ms": 2000.0},
        {"event": "backfill.batch", "created": 500, "found": 1000, "duration_ms": 0.0},
        {"event": "backfill.batch", "created": 1000, "found": 1000, "duration_ms": 100.0},
        None,
        None,
    ]


def test_terminal_shows_a_bar() -> None:
    stream = Terminal()
    with progress.shown(stream) as report:
        report(batch("backfill", 500, 1000))  # type: ignore[arg-type]
        report(batch("backfill", 1000, 1000))  # type: ignore[arg-type]
    assert "backfill" in stream.getvalue()
    assert "1000/1000" in stream.getvalue()
