"""SQLSTATE, table and constraint decide which exception a refusal becomes."""

from types import SimpleNamespace

import psycopg
import pytest
from psycopg import errors as pg
from sqlalchemy.exc import DBAPIError, IntegrityError

from pyapi import errors
from pyapi.errors import RuleError, error_class, typed_errors

CHANNELS, BROADCASTS = "main_clients_database", "broadcast_manager"


def refusal(kind: type[psycopg.Error], **report: str) -> psycopg.Error:
    """An error of the driver with the fields of the server's report."""
    fields = ("message_primary", "message_detail", "message_hint", "table_name", "constraint_name", "column_name")

    class Refusal(kind):  # type: ignore[valid-type, misc]
        diag = SimpleNamespace(**{field: report.get(field) for field in fields})

    return Refusal(report.get("message_primary", ""))


@pytest.mark.parametrize(
    ("sqlstate", "table", "constraint", "wanted"),
    [
        ("23505", CHANNELS, "main_clients_database_pair_key", errors.ChannelPairTaken),
        ("23505", CHANNELS, "a_name_of_old", errors.ChannelPairTaken),
        ("23503", CHANNELS, "main_clients_database_client_id_fkey", errors.ChannelOwnerUnknown),
        ("23503", CHANNELS, "a_name_of_old", errors.ChannelOwnerUnknown),
        ("23502", CHANNELS, None, errors.ChannelIncomplete),
        ("23514", CHANNELS, "main_clients_database_sub_1_price_check", errors.ChannelInvalid),
        ("23514", None, "a_domains_check", errors.ChannelInvalid),
        ("22001", None, None, errors.ChannelInvalid),
        ("22P02", None, None, errors.ChannelInvalid),
        ("23503", CHANNELS, "main_clients_database_pair_fkey", errors.BroadcastMissing),
        ("23503", BROADCASTS, "broadcast_manager_client_id_pair_fkey", errors.BroadcastRuleBroken),
        ("23505", BROADCASTS, "broadcast_manager_pair_key", errors.BroadcastRuleBroken),
        ("23502", BROADCASTS, None, errors.BroadcastRuleBroken),
        ("BM001", None, None, errors.ChannelLimitReached),
        ("BM002", None, None, errors.BroadcastRuleBroken),
        ("BM006", None, None, errors.ChannelFieldsInvalid),
        ("BM007", None, None, errors.ChannelNotFound),
        ("BM008", None, None, errors.ChannelForbidden),
        ("BM009", None, None, errors.ChannelAmbiguous),
        ("BM010", None, None, errors.BroadcastUnknown),
        ("BM011", None, None, errors.BroadcastForbidden),
        ("BM012", None, None, errors.BroadcastInactive),
        ("BM013", None, None, errors.BroadcastInProgress),
        ("BM014", None, None, errors.BroadcastRateLimited),
        ("23505", "registered_users", "registered_users_email_key", None),
        ("23503", None, None, None),
        ("BM003", None, None, None),
        ("40001", CHANNELS, None, None),
        ("42501", BROADCASTS, None, None),
        (None, None, None, None),
    ],
)
def test_which_exception_it_is(
    sqlstate: str | None,
    table: str | None,
    constraint: str | None,
    wanted: type[RuleError] | None,
) -> None:
    assert error_class(sqlstate, table, constraint) is wanted


def test_a_channel_failure_is_no_broadcast_failure() -> None:
    assert not issubclass(errors.ChannelError, errors.BroadcastError)
    assert not issubclass(errors.BroadcastError, errors.ChannelError)


@pytest.mark.parametrize(
    ("sqlstate", "detail", "field", "wanted"),
    [
        ("BM001", '{"max_channels": 10}', "max_channels", 10),
        ("BM006", '{"sub_1_price": "must be above 0"}', "details", {"sub_1_price": "must be above 0"}),
        ("BM014", '{"retry_after_seconds": 299}', "retry_after_seconds", 299),
    ],
)
def test_the_detail_is_read_as_facts(sqlstate: str, detail: str, field: str, wanted: object) -> None:
    kind = error_class(sqlstate, None, None)
    assert kind is not None
    assert getattr(kind("", detail=detail), field) == wanted


def test_each_refusal_has_a_code_that_tells_channel_from_broadcast() -> None:
    kinds = [*_subclasses(errors.ChannelError), *_subclasses(errors.BroadcastError)]
    assert len(kinds) > 15
    for kind in kinds:
        of = "broadcast_" if issubclass(kind, errors.BroadcastError) else ("channel_", "validation_")
        assert kind.code.startswith(of)


def _subclasses(kind: type[RuleError]) -> list[type[RuleError]]:
    return [kind, *(found for direct in kind.__subclasses__() for found in _subclasses(direct))]


@pytest.mark.parametrize("through", ["psycopg", "sqlalchemy"])
def test_the_report_is_kept_and_the_message_does_not_decide(through: str) -> None:
    original = refusal(
        pg.UniqueViolation,
        message_primary="null value violates foreign key, it says in some language",
        message_detail="Key (…) already exists.",
        message_hint="Try another.",
        table_name=CHANNELS,
        constraint_name="main_clients_database_pair_key",
    )
    raised = original if through == "psycopg" else IntegrityError("INSERT", {}, original)
    with pytest.raises(errors.ChannelPairTaken, match="in some language") as caught, typed_errors():
        raise raised
    error = caught.value
    assert error.__cause__ is raised
    assert (error.sqlstate, error.table) == ("23505", CHANNELS)
    assert error.constraint == "main_clients_database_pair_key"
    assert (error.detail, error.hint) == ("Key (…) already exists.", "Try another.")


def test_a_missing_broadcast_row_names_the_way_out() -> None:
    original = refusal(
        pg.ForeignKeyViolation,
        table_name=CHANNELS,
        constraint_name="main_clients_database_pair_fkey",
    )
    with pytest.raises(errors.BroadcastMissing) as caught, typed_errors():
        raise original
    assert caught.value.hint is not None
    assert "SET CONSTRAINTS main_clients_database_pair_fkey DEFERRED" in caught.value.hint
    assert "create_broadcast_rows" in caught.value.hint


@pytest.mark.parametrize(
    "error",
    [
        refusal(pg.UniqueViolation, table_name="registered_users"),
        psycopg.OperationalError("connection lost"),
        DBAPIError("SELECT", {}, psycopg.OperationalError("connection lost")),
        DBAPIError("SELECT", {}, ValueError("of another driver")),
        KeyError("none of ours"),
    ],
)
def test_anything_else_passes_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, typed_errors():
        raise error
    assert caught.value is error
