"""How a line is written: JSON for machines, readable on a terminal, and never with a secret."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr

import pytest
import structlog

from pyapi import logs
from tests.logs.conftest import Line
from tools.bot_api.server import TOKEN
from tools.databases import ROOT

SECRETS = [
    f"https://api.telegram.org/bot{TOKEN}/sendMessage",
    "postgresql://pyapi:sesame@db/telepaypsql",
    "host=db user=pyapi password=sesame",
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3ZTEwMTh9.sesame-sesame",
]


class Terminal(io.StringIO):
    """A standard error that people look at."""

    def isatty(self) -> bool:
        return True


@contextmanager
def on_a_terminal() -> Iterator[Terminal]:
    """Logs go to a terminal."""
    with redirect_stderr(Terminal()) as stream:
        logs.configure()
        yield stream


def test_a_terminal_gets_a_readable_line() -> None:
    with on_a_terminal() as terminal:
        structlog.get_logger("pyapi.x").info("channel.deleted", broadcast_cleaned_up="00000000-0322")
    line = terminal.getvalue()
    assert "📢 channel.deleted" in line
    assert "broadcast_cleaned_up" in line
    assert line.count("\n") == 1


def test_a_value_can_not_send_control_characters_to_a_terminal() -> None:
    with on_a_terminal() as terminal:
        structlog.get_logger("pyapi.x").warning("part.failed", description="\x1b[2J\r\nforged line")
    assert "\x1b[2J" not in terminal.getvalue()
    assert terminal.getvalue().count("\n") == 1


@pytest.mark.parametrize("text", SECRETS)
def test_what_looks_like_a_secret_is_not_written(
    lines: Callable[[], list[Line]], capsys: pytest.CaptureFixture[str], text: str
) -> None:
    logging.getLogger("some.library").warning("asked for %s", text)
    structlog.get_logger("pyapi.x").warning("part.failed", description=text)
    written = capsys.readouterr().err
    assert [(json.loads(line)["level"], "***" in line) for line in written.splitlines()] == [("warning", True)] * 2
    for secret in (TOKEN, "sesame"):
        assert secret not in written
    del lines


def fail_with_a_secret_in_a_variable() -> None:
    secret = "".join(["se", "same"])
    raise ValueError(len(secret))


def test_tracebacks_show_no_variables(lines: Callable[[], list[Line]], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        fail_with_a_secret_in_a_variable()
    except ValueError:
        structlog.get_logger("pyapi.x").exception("api.failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: 6" in json.loads(line)["exception"]
    assert "sesame" not in line
    del lines


def test_tracebacks_on_a_terminal_show_no_variables() -> None:
    with on_a_terminal() as terminal:
        try:
            fail_with_a_secret_in_a_variable()
        except ValueError:
            structlog.get_logger("pyapi.x").exception("api.failed")
    assert "ValueError" in terminal.getvalue()
    assert "sesame" not in terminal.getvalue()


def test_as_a_library_it_is_silent_until_logging_is_configured() -> None:
    program = "from pyapi.read_back import log; log.warning('channel.failed', code='x')"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
