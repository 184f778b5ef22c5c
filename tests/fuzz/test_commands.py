"""Whatever an operator types or sets: exit code 0, 1 or 2 and a sentence, no traceback, and no wait without end."""

import pytest
import typer

from tests.fuzz import commands
from tests.fuzz.commands import Commands
from tests.fuzz.functions import Fuzz, report

EXAMPLES = 8


def test_every_command_ends_with_0_1_or_2_and_a_sentence(fuzz: Fuzz, seed: int) -> None:
    fuzzed = Commands(fuzz)
    wrong = fuzzed.run(EXAMPLES, seed)
    print(report(fuzzed.outcomes))
    assert wrong == [], "\n\n".join(wrong)


def test_a_command_that_nobody_has_thought_of_and_one_that_fails_are_found(
    fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    app, fuzzed = typer.Typer(), Commands(fuzz)
    monkeypatch.setattr(commands, "app", app)

    @app.callback()
    def group() -> None:
        """Several commands."""

    @app.command()
    def verify(number: int) -> None:
        raise RuntimeError(str(number))

    assert "RuntimeError" in fuzzed.run(30, seed)[0]

    @app.command()
    def another() -> None:
        """Nothing."""

    with pytest.raises(LookupError, match="how another is to be run"):
        fuzzed.run(1, seed)
