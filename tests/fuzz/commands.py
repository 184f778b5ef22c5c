"""Runs every command with made-up arguments and settings, in this process: exit code 0, 1 or 2, never a traceback.

Those that serve until they are stopped are only ever given something that ends them at once: a setting that is
wrong, or a port that is taken.
"""

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock
from urllib.parse import quote

import typer
from hypothesis import given, seed
from hypothesis import strategies as st
from typer.testing import CliRunner

from pyapi.cli import app
from pyapi.metrics import read_metrics_settings
from pyapi.settings import SettingsInvalid, read_settings
from pyapi.worker_settings import read_worker_settings
from tests.fuzz.functions import VIOLATIONS, Fuzz, exploration
from tests.fuzz.values import CLIENTS, SCALARS

Environment = dict[str, str]

# Nothing answers there, and nobody outside of this machine is asked.
NOWHERE = "127.0.0.1:1"
RIGHT: Environment = {
    "DATABASE_URL": f"postgresql://nobody@{NOWHERE}/nowhere",
    "JWT_SECRET_KEY": "x" * 64,
    "TELEGRAM_BOT_TOKEN": "1:a",
    "TELEGRAM_API_BASE_URL": f"http://{NOWHERE}",
}

# What the shell can hand over: no NUL, and bytes that are no UTF-8 come as halves of pairs.
_texts = st.one_of(
    st.sampled_from(
        ["", " ", "-", "--", "--help", "-1", "0", "x" * 70, "\udcff", "a\udcff", "\U0001f4e2", "[red]", "%s"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
_numbers = st.one_of(
    st.integers().map(str), st.sampled_from(["nan", "inf", "-inf", "1e400", "1_0", "٣", "0x1", " 5 ", "5.5"]), _texts
)
_urls = st.one_of(
    _texts,
    st.sampled_from(["postgresql://[", "postgresql://x:y:z@/", "mysql://a/b", "postgres://", "postgresql+psycopg://%"]),
    # Behind this host nothing is looked up.
    _texts.map(lambda text: f"postgresql://{NOWHERE}/{text}"),
    _texts.map(lambda text: f"postgresql://nobody@{NOWHERE}/nowhere?connect_timeout={text}"),
    _texts.map(lambda text: f"postgresql://{quote(text, errors='surrogateescape')}@{NOWHERE}/nowhere"),
)
SETTINGS: dict[str, st.SearchStrategy[str]] = {
    "DATABASE_URL": _urls,
    "WORKER_DATABASE_URL": _urls,
    "JWT_SECRET_KEY": _texts,
    "CORS_ORIGINS": _texts,
    "LOGIN_LIMIT_PER_USERNAME": st.one_of(_texts, st.sampled_from(["0 per hour", "-1 per hour", "1 per 0 hours"])),
    "LOGIN_LIMIT_PER_ADDRESS": _texts,
    "POOL_MAX_SIZE": _numbers,
    "POOL_TIMEOUT": _numbers,
    "TELEGRAM_BOT_TOKEN": _texts,
    "TELEGRAM_API_BASE_URL": st.one_of(
        st.sampled_from(["http://", "http://[", f"http://{NOWHERE}/\udcff", f"http://{NOWHERE}/a b", "ftp://x", "x"]),
        _texts.map(lambda text: f"http://{NOWHERE}/{text}"),
    ),
    "METRICS_PORT": _numbers,
    "WORKER_CONCURRENCY": _numbers,
    "WORKER_POLL_SECONDS": _numbers,
    "WORKER_SEND_TIMEOUT": _numbers,
}
_VALUES = st.one_of(_numbers, SCALARS["uuid"], SCALARS["interval"], _texts)


def _mostly(right: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(*[right] * 12, _VALUES)


_BY_NAME = {
    # What is refused before any name is looked up, and nothing else.
    "host": st.sampled_from(["127.0.0.1", "", "x" * 64, "a..b", "\udcff", "192.0.2.1", "::2"]),
    "batch_size": _mostly(st.integers(1, 100_000).map(str)),
    "client": _mostly(st.sampled_from(CLIENTS)),
    "spread": _mostly(SCALARS["interval"]),
    "revision": _mostly(st.sampled_from(["head", "heads", "+0", "0001", "base", "head:base"])),
}


@dataclass
class Commands:
    """The commands on a database that is fuzzed, and how often which ended how."""

    fuzz: Fuzz
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def run(self, examples: int, chosen_seed: int) -> list[str]:
        """Run each command so many times; what went wrong, the shortest call of each kind.

        Raises:
            LookupError: there is a command of which nobody has said how to run it.
        """
        self.fuzz.fill()
        wrong = []
        for name, command in sorted(typer.main.get_command(app).commands.items()):  # type: ignore[attr-defined] # a group
            if name not in _HOW:
                raise LookupError(f"say in tests/fuzz/commands.py how {name} is to be run")
            call, variables = _HOW[name]
            strategy = st.tuples(_arguments(command), _changed(variables))
            wrong += self._explore(name, call, strategy, examples, chosen_seed)
        return wrong

    def _explore(
        self,
        name: str,
        call: "Callable[[Commands, str, list[str], Environment], None]",
        strategy: st.SearchStrategy[tuple[list[str], Environment]],
        examples: int,
        chosen_seed: int,
    ) -> list[str]:
        @seed(chosen_seed)
        @exploration(examples)
        @given(strategy)
        def check(given: tuple[list[str], Environment]) -> None:
            call(self, name, *given)

        try:
            check()
        except AssertionError as error:
            return ["\n".join([str(error), *getattr(error, "__notes__", [])])]
        return []

    def _look(self, name: str, arguments: list[str], environment: Environment) -> None:
        """On the database, where channels have no rows."""
        with self.fuzz.conn.transaction():
            self.fuzz.conn.execute("SET LOCAL session_replication_role = replica")
            self.fuzz.conn.execute("DELETE FROM public.broadcast_manager")
        before = self.fuzz.conn.execute(VIOLATIONS).fetchall()
        self._invoke(name, arguments, {"DATABASE_URL": self.fuzz.url} | environment)
        assert set(self.fuzz.conn.execute(VIOLATIONS).fetchall()) <= set(before), (name, arguments)

    def _nowhere(self, name: str, arguments: list[str], environment: Environment) -> None:
        """Where no database answers: it would take away what is fuzzed."""
        self._invoke(name, arguments, RIGHT | environment)

    def _serve(self, name: str, arguments: list[str], environment: Environment) -> None:
        """On a port that is taken: it ends in any case."""
        refused = _refusal((read_settings, read_worker_settings, read_metrics_settings), environment)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            code, error = self._invoke(name, [*arguments, "--port", str(port)], RIGHT | environment)
        assert code == 2 or "--help" in arguments, (name, arguments, environment)
        # Wrong arguments are told before wrong settings.
        assert arguments or "can not listen" in error or any(sentence in error for sentence in refused), error

    def _work(self, name: str, arguments: list[str], environment: Environment) -> None:
        """With a setting that is wrong; where they are right, it would work until it is stopped."""
        refused = _refusal((read_worker_settings, read_metrics_settings), environment)
        if not refused:
            arguments = ["--no-such-option"]
        code, error = self._invoke(name, arguments, RIGHT | environment)
        assert code == 2 or "--help" in arguments, (name, arguments, environment)
        assert arguments or any(sentence in error for sentence in refused), error

    def _send(self, name: str, arguments: list[str], environment: Environment) -> None:
        """With settings right or wrong, where neither database nor Telegram answers."""
        code, _ = self._invoke(name, arguments, RIGHT | environment)
        assert code == 2 or "--help" in arguments, (name, arguments, environment)

    def _invoke(self, name: str, arguments: list[str], environment: Environment) -> tuple[int, str]:
        with mock.patch.dict(os.environ, _cleared(environment), clear=True):
            result = CliRunner().invoke(app, [name, *arguments])
        about = f"{name} {arguments} {environment}"
        # Anything but an exit would be a traceback.
        assert result.exception is None or isinstance(result.exception, SystemExit), f"{about}: {result.exception!r}"
        assert result.exit_code in (0, 1, 2), f"{about}: exit code {result.exit_code}"
        assert "Traceback" not in result.output, about
        assert result.exit_code != 2 or result.stderr.strip(), f"{about}: nothing is said"
        self.outcomes[f"command {name}", f"exit code {result.exit_code}"] += 1
        return result.exit_code, result.stderr


def _refusal(readers: Iterable[Callable[[], Any]], environment: Environment) -> list[str]:
    """Why these settings are refused, nothing where they are right; each sentence names the variable."""
    sentences = []
    with mock.patch.dict(os.environ, _cleared(RIGHT | environment), clear=True):
        for read in readers:
            try:
                read()
            except SettingsInvalid as invalid:
                (variable,) = environment
                # The one that has two names is told by the second.
                if variable.removeprefix("WORKER_DATABASE") not in str(invalid):
                    raise AssertionError(f"{environment}: {invalid}") from invalid
                sentences.append(str(invalid))
            except Exception as error:
                raise AssertionError(f"{environment}: {error!r}") from error
    return sentences


def _cleared(environment: Environment) -> Environment:
    """This process's environment without settings of ours and of libpq's, and these instead; no server by default."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS and not name.startswith("PG")}
    return kept | {"PGHOST": "/nonexistent"} | environment


def _arguments(command: Any) -> st.SearchStrategy[list[str]]:
    """Some of a command's options with values, right and wrong, and now and then something that it does not know."""
    given: list[st.SearchStrategy[list[str]]] = []
    for parameter in command.params:
        value = _BY_NAME.get(parameter.name, _VALUES)
        option = parameter.opts[-1]
        words = [option] if option.startswith("-") else []
        given.append(st.just(words) if getattr(parameter, "is_flag", False) else value.map(_after(words)))
    known = st.lists(st.one_of(given), max_size=3) if given else st.just([])
    unknown = st.one_of(*[st.just([])] * 3, st.lists(_texts, max_size=2))
    return st.tuples(known, unknown).map(lambda both: [*(word for words in both[0] for word in words), *both[1]])


def _after(words: list[str]) -> Callable[[str], list[str]]:
    return lambda text: [*words, text]


def _changed(variables: Iterable[str]) -> st.SearchStrategy[Environment]:
    """At most one of these variables, with another value."""
    one = [SETTINGS[variable].map(_named(variable)) for variable in variables]
    # Not one_of() alone, which would give each branch of each variable the chance of all that is right.
    return st.booleans().flatmap(lambda right: st.just({}) if right else st.one_of(one))


def _named(variable: str) -> Callable[[str], Environment]:
    return lambda value: {variable: value}


# How to run it, and which of its settings are made up.
_HOW: dict[str, tuple[Callable[[Commands, str, list[str], Environment], None], Iterable[str]]] = {
    "verify": (Commands._look, ["DATABASE_URL"]),
    "doctor": (Commands._look, ["DATABASE_URL"]),
    "backfill": (Commands._look, ["DATABASE_URL"]),
    "upgrade": (Commands._look, ["DATABASE_URL"]),
    "downgrade": (Commands._nowhere, ["DATABASE_URL"]),
    "api": (Commands._serve, SETTINGS),
    "worker": (Commands._work, SETTINGS),
    "send-due": (Commands._send, SETTINGS),
}
