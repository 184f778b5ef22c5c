"""The page of the error codes, from pyapi/errors.py and the answers that the API gives for them."""

from collections.abc import Iterator

from pyapi import errors
from pyapi.web.failures import failure_of
from tools.reference.markdown import code, head, table

# Raised by migrations only, for which no exception is needed.
MIGRATION_CODES = {
    "BM003": "a migration did not get its lock in time, or another one runs; the message names who holds it."
    " Run it again",
    "BM004": "the rule cannot be installed or removed here; the message lists why, and nothing was changed",
    "BM005": "carries the result of the preflight's trial out of its subtransaction; never seen outside",
}
# Raised for workers only, which set the broadcast aside; BM017 is caught by the function that raises it.
WORKER_CODES = {
    "BM016": "the channel of a broadcast cannot be advertised; the message says why",
    "BM017": "takes back the trial of a claim in `set_aside_unclaimable()`, and is never seen",
}
# What the details of the codes that have one hold, so that an answer can be made.
_DETAIL = '{"max_channels": 10, "retry_after_seconds": 300}'


def page() -> str:
    """The page."""
    return "\n".join(
        [
            head(
                "Error codes",
                "What the database refuses, its exception in Python, and the API's answer. Codes of class `BM` are the"
                " project's own, the others PostgreSQL's. From another language, read SQLSTATE, table, constraint,"
                " DETAIL and HINT; never the message's text. The deferred key refuses at COMMIT, so look there too"
                " ([in Python](python.md#typed_errors)).",
            ),
            "## Refused by the database\n",
            table(
                ["SQLSTATE", "what it means", "`pyapi.errors`", "API"],
                [_row(kind) for kind in sorted(_kinds(errors.RuleError), key=_reported)],
            ),
            "Two more answers of the API are the database's: `database_unavailable` (503, it does not answer) and"
            " `database_not_ready` (503, it was not upgraded, or the role may not use it).\n",
            "## Migrations\n",
            table(["SQLSTATE", "what it means"], [[code(state), text] for state, text in MIGRATION_CODES.items()]),
            "## Workers\n",
            table(["SQLSTATE", "what it means"], [[code(state), text] for state, text in WORKER_CODES.items()]),
        ]
    )


def _kinds(parent: type[errors.RuleError]) -> Iterator[type[errors.RuleError]]:
    for kind in parent.__subclasses__():
        if kind.__subclasses__():
            yield from _kinds(kind)
        else:
            yield kind


def _reported(kind: type[errors.RuleError]) -> str:
    reported, colon, _ = _summary(kind).partition(": ")
    return reported if colon else "no error"


def _row(kind: type[errors.RuleError]) -> list[str]:
    failure = failure_of(kind("", detail=_DETAIL))
    meaning = _summary(kind).rpartition(": ")[2].rstrip(".")
    return [_reported(kind), meaning, code(kind.__name__), f"{failure.status} {code(failure.code)}"]


def _summary(kind: type[errors.RuleError]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]
