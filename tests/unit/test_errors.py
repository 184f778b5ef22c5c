"""SQLSTATE, table and constraint decide which exception a refusal becomes."""

from types import SimpleNamespace

import psycopg
import pytest
from psycopg import errors as pg
from sqlalchemy.exc import DBAPIError, IntegrityError

from pyapi.errors import (
    BroadcastError,
    BroadcastMissing,
    BroadcastRuleBroken,
    ChannelError,
    ChannelIncomplete,
    ChannelInvalid,
    ChannelOwnerUnknown,
    ChannelPairTaken,
    RuleError,
    error_class,
    typed_errors,
)

CHANNELS, BROADCASTS = "main_clients_database", "broadcast_manager"


def refusal(kind: type[psycopg.Error], **report: str) -> psycopg.Error:
    """An error of the driver with the fields of the server's report."""
    fields = ("message_primary", "message_detail", "message_hint", "table_name", "constraint_name")

    class Refusal(kind):  # type: ignore[valid-type, misc]
        diag = SimpleNamespace(**{field: report.get(field) for field in fields})

    return Refusal(report.get("message_primary", ""))


@pytest.mark.parametrize(
    ("sqlstate", "table", "constraint", "wanted"),
    [
        ("23505", CHANNELS, "main_clients_database_pair_key", ChannelPairTaken),
        ("23505", CHANNELS, "a_name_of_old", ChannelPairTaken),
        ("23503", CHANNELS, "main_clients_database_client_id_fkey", ChannelOwnerUnknown),
        ("23503", CHANNELS, "a_name_of_old", ChannelOwnerUnknown),
        ("23502", CHANNELS, None, ChannelIncomplete),
        ("23514", CHANNELS, "main_clients_database_sub_1_price_check", ChannelInvalid),
        ("22001", None, None, ChannelInvalid),
        ("22P02", None, None, ChannelInvalid),
        ("23503", CHANNELS, "main_clients_database_pair_fkey", BroadcastMissing),
        ("23503", BROADCASTS, "broadcast_manager_client_id_pair_fkey", BroadcastRuleBroken),
        ("23505", BROADCASTS, "broadcast_manager_pair_key", BroadcastRuleBroken),
        ("23502", BROADCASTS, None, BroadcastRuleBroken),
        ("BM002", None, None, BroadcastRuleBroken),
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
    assert not issubclass(ChannelError, BroadcastError)
    assert not issubclass(BroadcastError, ChannelError)


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
    with pytest.raises(ChannelPairTaken, match="in some language") as caught, typed_errors():
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
    with pytest.raises(BroadcastMissing) as caught, typed_errors():
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
