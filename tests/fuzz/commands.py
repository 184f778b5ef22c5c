"""Runs every command with made-up arguments and settings, in this process: exit code 0, 1 or 2, never a traceback.

Those that serve until they are stopped are only ever given something that ends them: a setting that is wrong, a port
that is taken, a Telegram that does not accept the token any more.
"""

import os
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, LiteralString
from unittest import mock
from urllib.parse import quote

import typer
from hypothesis import given, seed
from hypothesis import strategies as st
from typer.testing import CliRunner

from pyapi.cli import app
from pyapi.metrics import read_metrics_settings
from pyapi.settings import SettingsInvalid, read_settings
from pyapi.worker.settings import read_worker_settings
from pyapi.worker.telegram_errors import UNAUTHORIZED
from tests.fuzz.functions import CONTENT, VIOLATIONS, Fuzz, exploration
from tests.fuzz.past import IN_THE_WAY_DOWN, IN_THE_WAY_UP, Past
from tests.fuzz.values import CLIENTS, PAIRS, SCALARS, WORKER, mostly
from tests.migrations.builds import REVISIONS
from tools.bot_api import server as telegram
from tools.bot_api.chats import ANSWERS
from tools.telegram import Telegram

Environment = dict[str, str]

# A sentence of ours, a usage error, a line of what did not go out; not what is only logged.
_SENTENCE = re.compile(
    r"^(broadcast-manager: \S|Usage: |\w+: \S|missing: |Told to stop)|findings|differences|lack", re.M
)
# With one of these changed, something that the command waits for may not be there, or a port may be taken.
_WHERE = {"DATABASE_URL", "WORKER_DATABASE_URL", "TELEGRAM_BOT_TOKEN", "TELEGRAM_API_BASE_URL", "METRICS_PORT"}

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


_BY_NAME = {
    # What is refused before any name is looked up, and nothing else.
    "host": st.sampled_from(["127.0.0.1", "", "x" * 64, "a..b", "\udcff", "192.0.2.1", "::2"]),
    "batch_size": mostly(6, st.integers(1, 100_000).map(str), _VALUES),
    "client": mostly(6, st.sampled_from(CLIENTS), _VALUES),
    "spread": mostly(6, SCALARS["interval"], _VALUES),
    "upgrade revision": mostly(
        6, st.sampled_from(["head", *REVISIONS, "heads", "+0", "+1", "+9", "-1", "base", "0001:head"]), _VALUES
    ),
    "downgrade revision": mostly(
        6, st.sampled_from(["base", *REVISIONS, "-1", "-9", "+0", "+1", "head", "head:base"]), _VALUES
    ),
}
# What else is made up for a command: where a migration begins and what stands in its way, and what Telegram answers
# to whom.
_UP = st.tuples(st.sampled_from([None, *REVISIONS]), st.sampled_from(["", *IN_THE_WAY_UP]))
_DOWN = st.tuples(st.sampled_from([*reversed(REVISIONS), None]), st.sampled_from(["", *IN_THE_WAY_DOWN]))
_FAULTS = st.tuples(
    st.sampled_from(["", *ANSWERS, "not_telegram", "cut_before", "cut_after"]),
    st.sampled_from([None, *(chat_id for pair in PAIRS for chat_id in pair)]),
)

# A part that is about to be sent, or a claim, of anybody but the worker that tests.fuzz.functions made up.
_UNDER_WAY: LiteralString = f"""
SELECT count(*)
FROM broadcast.deliveries AS d
LEFT JOIN broadcast.delivery_parts AS p ON p.delivery_id = d.id AND p.state = 'intended'
WHERE coalesce(d.worker, '') <> '{WORKER}' AND (d.worker IS NOT NULL OR p.state IS NOT NULL)
"""
_PARTS: LiteralString = """
SELECT count(*) FILTER (WHERE state = 'sent'), count(*) FILTER (WHERE state IN ('sent', 'unknown'))
FROM broadcast.delivery_parts
"""


@dataclass
class Commands:
    """The commands on a database that is fuzzed and on others of its server, and how often which ended how."""

    fuzz: Fuzz
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def run(self, examples: int, chosen_seed: int) -> list[str]:
        """Run each command so many times; what went wrong, the shortest call of each kind.

        Raises:
            LookupError: there is a command of which nobody has said how to run it.
        """
        self.fuzz.fill()
        wrong = []
        with ExitStack() as self._at_the_end:
            for name, command in sorted(typer.main.get_command(app).commands.items()):  # type: ignore[attr-defined] # a group
                if name not in _HOW:
                    raise LookupError(f"say in tests/fuzz/commands.py how {name} is to be run")
                call, variables, around = _HOW[name]
                strategy = st.tuples(_arguments(command), _changed(variables), around)
                # Half as often those that take long.
                count = (examples + 1) // 2 if call in (Commands._migrate, Commands._send) else examples
                wrong += self._explore(name, call, strategy, count, chosen_seed)
        return wrong

    @cached_property
    def _past(self) -> Past:
        return self._at_the_end.enter_context(closing(Past(self.fuzz.superuser_url)))

    @cached_property
    def _telegram(self) -> Telegram:
        fake = Telegram(self._at_the_end.enter_context(telegram.running()))
        self._at_the_end.enter_context(fake.http)
        return fake

    def _explore(
        self, name: str, call: "_Call", strategy: st.SearchStrategy[tuple[Any, ...]], examples: int, chosen_seed: int
    ) -> list[str]:
        @seed(chosen_seed)
        @exploration(examples)
        @given(strategy)
        def check(given: tuple[Any, ...]) -> None:
            call(self, name, *given)

        try:
            check()
        except AssertionError as error:
            return ["\n".join([str(error), *getattr(error, "__notes__", [])])]
        return []

    def _look(self, name: str, arguments: list[str], environment: Environment, _: None) -> None:
        """On the database, where channels have no rows."""
        with self.fuzz.conn.transaction():
            self.fuzz.conn.execute("SET LOCAL session_replication_role = replica")
            self.fuzz.conn.execute("DELETE FROM public.broadcast_manager")
        before = self.fuzz.conn.execute(VIOLATIONS).fetchall()
        self._note(name, self._invoke(name, arguments, {"DATABASE_URL": self.fuzz.url} | environment)[0])
        assert set(self.fuzz.conn.execute(VIOLATIONS).fetchall()) <= set(before), (name, arguments)

    def _switch(self, name: str, arguments: list[str], environment: Environment, _: None) -> None:
        """As _look(); the others find sending switched on again."""
        self._look(name, arguments, environment, _)
        self.fuzz.conn.execute("SELECT broadcast.set_sending(TRUE)")

    def _migrate(
        self, name: str, arguments: list[str], environment: Environment, around: tuple[str | None, str]
    ) -> None:
        """On a database of its own: from whichever revision to whichever, it ends at a revision."""
        about = (name, arguments, environment, around)
        start, obstacle = around
        with self._past.database(start) as url:
            with self._past.obstructed(url, obstacle):
                code, _ = self._invoke(name, arguments, {"DATABASE_URL": url} | environment)
            try:
                reached = self._past.revision(url)
            except AssertionError as error:
                raise AssertionError(f"{about}: half done: {error}") from error
        assert code != 2 or reached == start, f"{about}: wrong use led to {reached}"
        self._note(name, code, " after some revisions" if code == 1 and reached != start else "")

    def _serve(self, name: str, arguments: list[str], environment: Environment, _: None) -> None:
        """On a port that is taken: it ends in any case, and has changed nothing."""
        refused = _refusal((read_settings, read_worker_settings, read_metrics_settings), environment)
        before = self.fuzz.conn.execute(CONTENT).fetchall()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            there = RIGHT | {"DATABASE_URL": self.fuzz.url} | environment
            code, error = self._invoke(name, [*arguments, "--port", str(port)], there)
        self._note(name, code)
        assert code == 2 or "--help" in arguments, (name, arguments, environment)
        # Wrong arguments are told before wrong settings.
        assert arguments or "cannot listen" in error or any(sentence in error for sentence in refused), error
        assert self.fuzz.conn.execute(CONTENT).fetchall() == before, (name, arguments, environment)

    def _work(self, name: str, arguments: list[str], environment: Environment, around: tuple[str, str | None]) -> None:
        """Until Telegram refuses its token; it would work until it is stopped where something else is not there."""
        refused = _refusal((read_worker_settings, read_metrics_settings), environment)
        if not refused and environment.keys() & _WHERE:
            arguments = ["--no-such-option"]
        code, error = self._deliver(name, arguments, environment, around, [("unauthorized", PAIRS[5][1])])
        assert code == 2 or "--help" in arguments, (name, arguments, environment)
        told = refused or [UNAUTHORIZED.sentence]
        assert arguments or any(sentence in error for sentence in told), error

    def _send(self, name: str, arguments: list[str], environment: Environment, around: tuple[str, str | None]) -> None:
        """One round."""
        self._deliver(name, arguments, environment, around, [])

    def _deliver(
        self,
        name: str,
        arguments: list[str],
        environment: Environment,
        fault: tuple[str, str | None],
        more: list[tuple[str, str]],
    ) -> tuple[int, str]:
        """On the database, with a Telegram whose answers may be wrong: what was begun is brought to its end."""
        self.fuzz.fill()
        self.fuzz.conn.execute("UPDATE broadcast.settings SET messages_per_second = NULL, chat_interval = NULL")
        self.fuzz.conn.execute("UPDATE broadcast.bot_slot SET next_slot = now()")
        ((sent, maybe),) = self.fuzz.conn.execute(_PARTS).fetchall()
        fake = self._telegram
        messages = len(fake.messages())
        for what, chat_id in [*more, *([fault] if fault[0] else [])]:
            fake.order(what, chat_id=chat_id)
        there = {"DATABASE_URL": self.fuzz.url, "TELEGRAM_API_BASE_URL": fake.url, "TELEGRAM_BOT_TOKEN": telegram.TOKEN}
        ended = self._invoke(name, arguments, RIGHT | there | environment)
        fake.http.delete("/faults")
        messages = len(fake.messages()) - messages
        about = (name, arguments, environment, fault)
        assert self.fuzz.conn.execute(_UNDER_WAY).fetchone() == (0,), f"{about}: half done"
        assert self.fuzz.conn.execute(VIOLATIONS).fetchall() == [], about
        ((sent_now, maybe_now),) = self.fuzz.conn.execute(_PARTS).fetchall()
        assert sent_now - sent <= messages <= maybe_now - maybe, (
            f"{about}: {messages} messages, {sent_now - sent} noted"
        )
        self._note(name, ended[0], " with messages sent" if messages else "")
        return ended

    def _invoke(self, name: str, arguments: list[str], environment: Environment) -> tuple[int, str]:
        with mock.patch.dict(os.environ, _cleared(environment), clear=True):
            result = CliRunner().invoke(app, [name, *arguments])
        about = f"{name} {arguments} {environment}"
        # Anything but an exit would be a traceback.
        assert result.exception is None or isinstance(result.exception, SystemExit), f"{about}: {result.exception!r}"
        assert result.exit_code in (0, 1, 2), f"{about}: exit code {result.exit_code}"
        assert "Traceback" not in result.output, about
        # Findings are what these were asked for; all else that did not go well is told where errors are.
        found = (
            result.exit_code == 1
            and name in ("verify", "doctor", "backfill", "status", "sending", "try")
            and result.stdout.strip()
        )
        sentence = result.exit_code == 0 or found or _SENTENCE.search(result.stderr)
        assert sentence, f"{about}: exit code {result.exit_code}, and nothing is said"
        return result.exit_code, result.stderr

    def _note(self, name: str, code: int, more: str = "") -> None:
        self.outcomes[f"command {name}", f"exit code {code}{more}"] += 1


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
    """A command's arguments and some of its options, right and wrong; now and then something that it does not know."""
    options: list[st.SearchStrategy[list[str]]] = []
    positional: list[st.SearchStrategy[list[str]]] = []
    for parameter in command.params:
        value = _BY_NAME.get(parameter.name, _BY_NAME.get(f"{command.name} {parameter.name}", _VALUES))
        option = parameter.opts[-1]
        if not option.startswith("-"):
            positional.append(mostly(6, value.map(_after([])), st.just([])))
        elif getattr(parameter, "is_flag", False):
            options.append(st.just([option]))
        else:
            options.append(value.map(_after([option])))
    some = mostly(2, st.just([]), st.lists(st.one_of(options), max_size=2)) if options else st.just([])
    unknown = mostly(6, st.just([]), st.lists(_texts, max_size=2))
    return st.tuples(some.map(_joined), st.tuples(*positional).map(_joined), unknown).map(_joined)


def _joined(words: Iterable[list[str]]) -> list[str]:
    return [word for several in words for word in several]


def _after(words: list[str]) -> Callable[[str], list[str]]:
    return lambda text: [*words, text]


def _changed(variables: Iterable[str]) -> st.SearchStrategy[Environment]:
    """At most one of these variables, with another value."""
    one = [SETTINGS[variable].map(_named(variable)) for variable in variables]
    return mostly(3 if len(one) == 1 else 1, st.just({}), *one)


def _named(variable: str) -> Callable[[str], Environment]:
    return lambda value: {variable: value}


_Call = Callable[..., None]

# How to run it, which of its settings are made up, and what else is.
_HOW: dict[str, tuple[_Call, Iterable[str], st.SearchStrategy[Any]]] = {
    "verify": (Commands._look, ["DATABASE_URL"], st.none()),
    "doctor": (Commands._look, ["DATABASE_URL"], st.none()),
    "backfill": (Commands._look, ["DATABASE_URL"], st.none()),
    "status": (Commands._look, ["DATABASE_URL"], st.none()),
    "indexes": (Commands._look, ["DATABASE_URL"], st.none()),
    "try": (Commands._look, ["DATABASE_URL"], st.none()),
    "roles": (Commands._look, ["DATABASE_URL"], st.none()),
    "sending": (Commands._switch, ["DATABASE_URL"], st.none()),
    "upgrade": (Commands._migrate, ["DATABASE_URL"], _UP),
    "downgrade": (Commands._migrate, ["DATABASE_URL"], _DOWN),
    "api": (Commands._serve, SETTINGS, st.none()),
    "worker": (Commands._work, SETTINGS, _FAULTS),
    "send-due": (Commands._send, SETTINGS, _FAULTS),
}
