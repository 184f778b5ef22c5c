"""Runs broadcast-manager as an operator does: arguments and DATABASE_URL in, exit code and two texts out."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from pyapi.cli import app


class Outcome(NamedTuple):
    """What the shell and the operator get."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on a database (None: DATABASE_URL is not set), 80 columns wide and not on a terminal."""

    def run_command(url: str | None, *arguments: str) -> Outcome:
        if url is None:
            monkeypatch.delenv("DATABASE_URL", raising=False)
        else:
            monkeypatch.setenv("DATABASE_URL", url)
        result = CliRunner().invoke(app, arguments)
        # Anything but an exit would be a traceback.
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert "Traceback" not in result.stderr
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run_command
