"""Typed exceptions for what the database refuses.

Which exception it is follows from SQLSTATE, table and constraint name, never from a message's text.
The names are those of sql/rule/; the codes of class BM are the project's own. Each exception has
a ``code``, the short name by which logs and the API tell it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar


class RuleError(Exception):
    """The database refused something; the fields are what it reported, None where it was silent."""

    code: ClassVar[str] = "rule_broken"
    default_hint: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        table: str | None = None,
        constraint: str | None = None,
        column: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate
        self.table = table
        self.constraint = constraint
        self.column = column
        self.detail = detail
        self.hint = hint or self.default_hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{self.column}: {message}" if self.column else message

    def facts(self) -> dict[str, Any]:
        """What the detail says, for those codes of class BM whose detail is a JSON object."""
        facts = json.loads(self.detail or "{}")
        return facts if isinstance(facts, dict) else {}


class ChannelError(RuleError):
    """The channel itself is wrong."""

    code = "channel_refused"


class ChannelPairTaken(ChannelError):
    """23505 on main_clients_database: the pair is registered already."""

    code = "channel_pair_taken"


class ChannelOwnerUnknown(ChannelError):
    """23503 on main_clients_database: client_id is no registered user."""

    code = "channel_owner_unknown"


class ChannelIncomplete(ChannelError):
    """23502 on main_clients_database: a column that must have a value has none."""

    code = "channel_incomplete"


class ChannelInvalid(ChannelError):
    """23514 on main_clients_database or a domain's, or class 22: a value does not fit its column.

    Class 22 carries no column's name; insert_channel() finds it.
    """

    code = "channel_invalid"


class ChannelLimitReached(ChannelError):
    """BM001: the client has as many channels as one may have."""

    code = "channel_limit_reached"

    @property
    def max_channels(self) -> int:
        """As many as one client may have."""
        return int(self.facts()["max_channels"])


class ChannelFieldsInvalid(ChannelError):
    """BM006: fields of the channel are wrong, alone or together."""

    code = "validation_failed"

    @property
    def details(self) -> dict[str, str]:
        """What each wrong field must be, by the field's name."""
        return {field: str(problem) for field, problem in self.facts().items()}


class ChannelNotFound(ChannelError):
    """BM007: there is no such channel."""

    code = "channel_not_found"


class ChannelForbidden(ChannelError):
    """BM008: the channel belongs to another client."""

    code = "channel_forbidden"


class ChannelAmbiguous(ChannelError):
    """BM009: the client has several channels with this open id; the closed id tells them apart."""

    code = "channel_ambiguous"


class BroadcastError(RuleError):
    """The channel may be right, but its broadcast row is not as the rule wants it."""

    code = "broadcast_refused"


class BroadcastMissing(BroadcastError):
    """23503 by main_clients_database_pair_fkey: a channel would be left without its broadcast row.

    The key is deferred, so this comes at COMMIT as a rule.
    """

    code = "broadcast_rule_broken"
    default_hint = (
        "After SET CONSTRAINTS ALL IMMEDIATE the key speaks before the trigger has made the row: "
        "run SET CONSTRAINTS main_clients_database_pair_fkey DEFERRED first. Otherwise the trigger "
        "create_broadcast_rows on main_clients_database is disabled or gone (broadcast-manager "
        "verify tells), or the row of a living channel was deleted: delete the channel instead."
    )


class BroadcastRuleBroken(BroadcastError):
    """Class 23 on broadcast_manager, or BM002: a row without its channel, TRUNCATE, and such."""

    code = "broadcast_rule_broken"


class BroadcastNotFound(BroadcastError):
    """The pair has no broadcast row that this transaction can see."""

    code = "broadcast_rule_broken"
    default_hint = (
        "Either there is no such channel, or another transaction has not committed it yet, or the "
        "trigger create_broadcast_rows is disabled or gone: broadcast-manager verify tells."
    )


class BroadcastUnknown(BroadcastError):
    """BM010: there is no broadcast of this id."""

    code = "broadcast_not_found"


class BroadcastForbidden(BroadcastError):
    """BM011: the broadcast belongs to another client."""

    code = "broadcast_forbidden"


class BroadcastInactive(BroadcastError):
    """BM012: the broadcast is switched off."""

    code = "broadcast_inactive"


class BroadcastInProgress(BroadcastError):
    """BM013: the broadcast is being sent."""

    code = "broadcast_in_progress"


class BroadcastRateLimited(BroadcastError):
    """BM014: the broadcast was triggered by hand a short while ago."""

    code = "broadcast_rate_limited"

    @property
    def retry_after_seconds(self) -> int:
        """Seconds until it may be triggered again."""
        return int(self.facts()["retry_after_seconds"])


class BroadcastWithoutTurns(BroadcastError):
    """BM018: the broadcast is sent by hand only, without a next turn."""

    code = "broadcast_without_turns"


class OperatorRequired(RuleError):
    """BM015: the user is no operator."""

    code = "operator_required"


_OWN_CODES: dict[str, type[RuleError]] = {
    "BM001": ChannelLimitReached,
    "BM002": BroadcastRuleBroken,
    "BM006": ChannelFieldsInvalid,
    "BM007": ChannelNotFound,
    "BM008": ChannelForbidden,
    "BM009": ChannelAmbiguous,
    "BM010": BroadcastUnknown,
    "BM011": BroadcastForbidden,
    "BM012": BroadcastInactive,
    "BM013": BroadcastInProgress,
    "BM014": BroadcastRateLimited,
    "BM015": OperatorRequired,
    "BM018": BroadcastWithoutTurns,
}


def error_class(sqlstate: str | None, table: str | None, constraint: str | None) -> type[RuleError] | None:
    """The exception that an error report stands for, None when it is not the rule's business."""
    match sqlstate, table, constraint:
        case "23503", _, "main_clients_database_pair_fkey":
            return BroadcastMissing
        case "23505", "main_clients_database", _:
            return ChannelPairTaken
        case "23503", "main_clients_database", _:
            return ChannelOwnerUnknown
        case "23502", "main_clients_database", _:
            return ChannelIncomplete
        case "23514", "main_clients_database" | None, _:
            return ChannelInvalid
        case str(state), _, _ if state in _OWN_CODES:
            return _OWN_CODES[state]
        case str(state), "broadcast_manager", _ if state.startswith("23"):
            return BroadcastRuleBroken
        case str(state), _, _ if state.startswith("22"):
            return ChannelInvalid
    return None


@contextmanager
def typed_errors() -> Iterator[None]:
    """Raise a RuleError in place of the driver's error, from which it is raised.

    Put it around your own COMMIT too, since the deferred key speaks there. Works around psycopg, asyncpg and
    SQLAlchemy with either, and around ``await``. Errors that are not the rule's business pass unchanged.
    Class 22 and the checks of domains carry no table's name: keep unrelated statements outside.

    Raises:
        RuleError: one of the subclasses above.
    """
    try:
        yield
    except Exception as error:
        # SQLAlchemy has the driver's error in its own, and there asyncpg's is the cause of an error of the adapter's.
        original = getattr(error, "orig", None) or error
        # psycopg2 calls it pgcode.
        sqlstate = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None)
        report = getattr(original, "diag", None) or original.__cause__ or original

        def said(name: str) -> str | None:
            # psycopg says message_primary and message_detail where asyncpg says message and detail.
            return getattr(report, name, None) or None

        found = error_class(sqlstate, said("table_name"), said("constraint_name"))
        if found is None:
            raise
        raise found(
            said("message_primary") or said("message") or str(original),
            sqlstate=sqlstate,
            table=said("table_name"),
            constraint=said("constraint_name"),
            column=said("column_name"),
            detail=said("message_detail") or said("detail"),
            hint=said("message_hint") or said("hint"),
        ) from error
