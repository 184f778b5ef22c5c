"""Whatever an operator types or sets: exit code 0, 1 or 2 and a sentence, no traceback, nothing done by half."""

import pytest
import typer
from hypothesis import strategies as st

from pyapi.database_url import database_url
from pyapi.worker.settings import read_worker_settings
from tests.fuzz import commands
from tests.fuzz.commands import Commands
from tests.fuzz.functions import Fuzz, report
from tools.databases import connect

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


def test_a_command_that_says_nothing_and_those_that_leave_a_half_are_found(
    fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    app = typer.Typer()
    monkeypatch.setattr(commands, "app", app)

    @app.command()
    def doctor() -> None:
        raise typer.Exit(1)

    @app.command()
    def upgrade(revision: str = "head") -> None:
        with connect(database_url()) as conn:
            conn.execute("CREATE TABLE left_over ()")
        typer.echo(f"broadcast-manager: not {revision}", err=True)
        raise typer.Exit(1)

    @app.command(name="send-due")
    def send_due() -> None:
        with connect(read_worker_settings().database_url) as conn:
            conn.execute("SELECT broadcast.claim_due_broadcasts('dead', 1)")

    monkeypatch.setattr(commands, "_changed", lambda _: st.just({}))
    wrong = Commands(fuzz).run(4, seed)
    assert [[word for word in ("nothing is said", "half done") if word in text] for text in wrong] == [
        ["nothing is said"],
        ["half done"],
        ["half done"],
    ]
