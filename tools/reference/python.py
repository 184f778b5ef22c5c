"""The page of the Python library: its docstrings, and the examples of examples/pyapi/."""

import dataclasses
import inspect
import re
from collections.abc import Iterator
from typing import Any

import griffe

import pyapi
from pyapi import errors
from tools import databases
from tools.reference.markdown import code, head, table

EXAMPLES = databases.ROOT / "examples" / "pyapi"
FUNCTIONS = [
    pyapi.insert_channel,
    pyapi.read_broadcast_id,
    pyapi.typed_errors,
    pyapi.database_url,
    pyapi.sqlalchemy_url,
]
# What a caller does about each; error codes and their meaning are the page errors.md's.
REMEDIES: dict[type[errors.RuleError], str] = {
    errors.ChannelPairTaken: "Tell the user, or read the id with `read_broadcast_id()` in a new transaction.",
    errors.ChannelOwnerUnknown: "Register the user first; check `client_id`.",
    errors.ChannelIncomplete: "Ask for the field that `column` names.",
    errors.ChannelInvalid: "Ask for another value of the field that `column` or `constraint` names.",
    errors.ChannelLimitReached: "Tell the user; `max_channels` is the limit.",
    errors.ChannelFieldsInvalid: "Show `details`: what each field must be.",
    errors.ChannelNotFound: "Check the ids; the channel may have been deleted.",
    errors.ChannelForbidden: "Refuse: the channel belongs to another client.",
    errors.ChannelAmbiguous: "Give `closed_channel_id` too.",
    errors.BroadcastMissing: "Read `hint`. Outside of tests, run `broadcast-manager verify`.",
    errors.BroadcastRuleBroken: "Remove the code that writes `broadcast_manager`.",
    errors.BroadcastNotFound: "Roll back, then run `broadcast-manager verify`.",
    errors.BroadcastUnknown: "Check the id; the channel may have been deleted.",
    errors.BroadcastForbidden: "Refuse: the broadcast belongs to another client.",
    errors.BroadcastInactive: "Switch it on with `broadcast.reactivate_broadcast()`.",
    errors.BroadcastInProgress: "Wait until it is sent.",
    errors.BroadcastRateLimited: "Try again after `retry_after_seconds`.",
    errors.BroadcastWithoutTurns: "Nothing to skip: it is sent by hand only.",
    errors.OperatorRequired: "Refuse: the user is no operator.",
}
_RETRY = """\
PostgreSQL ends a transaction with 40001 (serialization failure, at REPEATABLE READ and SERIALIZABLE)
or 40P01 (deadlock, at every level). Nothing was stored. Run the whole transaction again, after a short
random pause.

These errors are no `RuleError`. psycopg raises `SerializationFailure` and `DeadlockDetected`.
SQLAlchemy raises `sqlalchemy.exc.OperationalError`; its `orig.sqlstate` is the code.

If the connection is lost at COMMIT, nobody knows whether the channel was stored. Look for its id with
`read_broadcast_id()` before you try again.
"""


def page() -> str:
    """The page."""
    return "\n".join(
        [
            head(
                "Python library",
                "The wheel of a release brings `pyapi`. It works on your connection, in your transaction,\n"
                "and commits only on an autocommit connection. SQLAlchemy is optional.",
            ),
            "## Examples\n",
            "Set `DATABASE_URL`, and `CLIENT_ID` to a `user_id` of `registered_users`. Save this channel as\n"
            "`channel.py`, and an example beside it. Each example registers one channel and prints its broadcast_id.\n",
            _example("channel"),
            "### psycopg\n",
            _example("with_psycopg"),
            "### psycopg, async\n",
            _example("with_psycopg_async"),
            "### SQLAlchemy connection\n",
            _example("with_sqlalchemy_connection"),
            "### SQLAlchemy session\n",
            _example("with_sqlalchemy_session"),
            "### SQLAlchemy async session\n",
            _example("with_sqlalchemy_async_session"),
            "## Errors\n",
            "Every refusal is a subclass of `pyapi.RuleError`, with `sqlstate`, `table`, `constraint`, `column`,\n"
            "`detail` and `hint` as the database reported them. [Error codes](errors.md) says what each one means.\n",
            table(
                ["exception", "raised as a", "what to do"],
                [[code(kind.__name__), code(kind.__mro__[1].__name__), remedy] for kind, remedy in REMEDIES.items()],
            ),
            _example("handle_errors"),
            "## Retry\n",
            _RETRY,
            _example("retry"),
            "## Functions and classes\n",
            *(text for function in FUNCTIONS for text in _documented(function, "###")),
            *_documented(pyapi.Channel, "###"),
        ]
    )


def _example(name: str) -> str:
    return f"```python\n{(EXAMPLES / f'{name}.py').read_text(encoding='utf-8')}```\n"


def _documented(thing: Any, level: str) -> Iterator[str]:
    shown = f"({', '.join(inspect.signature(thing).parameters)})" if inspect.isfunction(thing) else ""
    yield f"{level} {thing.__name__}\n"
    if shown:
        yield f"`{thing.__name__}{shown}`\n"
    docstring = griffe.Docstring(inspect.getdoc(thing) or "")
    for section in docstring.parse("google", warnings=False):
        match section:
            case griffe.DocstringSectionText():
                yield f"{_markdown(section.value)}\n"
            case griffe.DocstringSectionParameters():
                rows = [[code(one.name), _markdown(one.description)] for one in section.value]
                yield table(["argument", "what it is"], rows) if shown else _fields(thing, dict(rows))
            case griffe.DocstringSectionRaises():
                raised = [[code(str(r.annotation)), _markdown(r.description)] for r in section.value]
                yield table(["raises", "when"], raised)
            case griffe.DocstringSectionReturns():
                yield f"Returns {' '.join(_markdown(r.description) for r in section.value)}\n"


def _fields(thing: Any, described: dict[str, str]) -> str:
    rows = [
        [
            code(field.name),
            code(field.type.__name__ if isinstance(field.type, type) else str(field.type)),
            "needed" if field.default is dataclasses.MISSING else code(repr(field.default)),
            described.get(code(field.name), ""),
        ]
        for field in dataclasses.fields(thing)
    ]
    return table(["field", "type", "default", "what it is"], rows)


def _markdown(text: str) -> str:
    return re.sub(r"``(.+?)``", r"`\1`", text)
