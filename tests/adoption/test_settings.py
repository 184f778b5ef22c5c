"""Whatever server, database or role set: the upgrade, the checks and the API do the same."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql
from typer.testing import CliRunner

from pyapi.cli import app
from pyapi.pool import connection, make_pool
from pyapi.queries import QUERIES
from tests.functions.calls import fields
from tools import databases

# Each with values that are not PostgreSQL's own.
SETTINGS: dict[str, list[str]] = {
    "array_nulls": ["off"],
    "backslash_quote": ["on"],
    "bytea_output": ["escape"],
    "check_function_bodies": ["off"],
    "client_encoding": ["LATIN1", "SQL_ASCII", "EUC_JP", "WIN1252"],
    "client_min_messages": ["error"],
    "datestyle": ["German, DMY", "SQL, DMY"],
    "default_table_access_method": ["heap"],
    "default_text_search_config": ["pg_catalog.simple"],
    "default_toast_compression": ["pglz"],
    "default_transaction_deferrable": ["on"],
    "default_transaction_isolation": ["repeatable read", "serializable"],
    "escape_string_warning": ["off"],
    "extra_float_digits": ["-15"],
    "idle_in_transaction_session_timeout": ["5s"],
    "intervalstyle": ["sql_standard", "iso_8601", "postgres_verbose"],
    "lc_messages": ["C"],
    "lc_monetary": ["C"],
    "lc_numeric": ["C"],
    "lc_time": ["C"],
    "lo_compat_privileges": ["on"],
    "lock_timeout": ["1ms"],
    "plpgsql.check_asserts": ["off"],
    "plpgsql.extra_errors": ["all"],
    "plpgsql.extra_warnings": ["all"],
    "plpgsql.print_strict_params": ["on"],
    "plpgsql.variable_conflict": ["use_variable", "use_column"],
    "quote_all_identifiers": ["on"],
    "role": [databases.OWNER],
    "row_security": ["off"],
    "search_path": ["''", "pg_temp, broadcast, pg_catalog"],
    "standard_conforming_strings": ["off"],
    "statement_timeout": ["10s"],
    "synchronize_seqscans": ["off"],
    "timezone": ["Asia/Kathmandu", "<+0330>-3:30"],
    "transform_null_equals": ["on"],
    "xmlbinary": ["hex"],
    "xmloption": ["document"],
}
READ_ONLY = "default_transaction_read_only"
# Every value is in one of these rounds.
# In odd ones, what has one value only keeps PostgreSQL's own, lest one hides another.
ROUNDS = max(map(len, SETTINGS.values()))
# They say where data lies, when vacuum comes, what is loaded, or switch triggers off; and what is one transaction's.
WITHOUT_EFFECT = (
    "tablespace|^vacuum_|^gin_|preload|^transaction_|^restrict_nonsystem|^timezone_abb|^idle_session|"
    "^session_replication|^event_triggers|^createrole_self|^icu_validation"
)
READ_OR_SHOWN = "Locale and Formatting|Compatib|Statement Behavior|Customized|Preloading"


@pytest.fixture
def filled(old_database: str) -> str:
    """A database of before, with a channel that has its row and one that has not."""
    with databases.connect(old_database) as conn:
        client = databases.add_user(conn)
        databases.add_channel(conn, client)
        pair = databases.add_channel(conn, client)
        conn.execute(
            "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s)",
            [client, *pair],
        )
    return old_database


def command(monkeypatch: pytest.MonkeyPatch, url: str, *arguments: str) -> str:
    """Run a command that must end well; its output."""
    monkeypatch.setenv("DATABASE_URL", url)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def everything_works(url: str, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upgrade, verify, doctor, status, backfill, register and list as the API does, downgrade."""
    databases.upgrade(url)
    for arguments in (["verify"], ["doctor"], ["status"], ["backfill", "--dry-run"], ["backfill", "--spread", "1 day"]):
        command(monkeypatch, url, *arguments)
    channels = asyncio.run(register_and_list(url, client))
    assert channels["count"] == 3
    assert all(channel["broadcast_id"] for channel in channels["channels"])
    databases.downgrade(url)


async def register_and_list(url: str, client: Any) -> dict[str, Any]:
    async with make_pool(url, "test", max_size=1, timeout=5) as pool, connection(pool) as conn:
        await conn.execute(
            QUERIES["register_channel"], {"client_id": client, "created_by": "tests", "channel": json.dumps(fields())}
        )
        found = await (
            await conn.execute(QUERIES["channels_of_client"], {"client_id": client, "sort": None})
        ).fetchone()
        assert found
        told: dict[str, Any] = json.loads(found[0])
        return told


@pytest.fixture
def set_for(superuser: Callable[[str], str]) -> Callable[[str, dict[str, str]], None]:
    """Set something for a database and for the owner in it."""

    def set_(url: str, settings: dict[str, str]) -> None:
        database, owner = sql.Identifier(databases.name_of(url)), sql.Identifier(databases.OWNER)
        with databases.connect(superuser(url)) as boss:
            boss.execute("LOAD 'plpgsql'")
            for name, value in settings.items():
                shown = sql.SQL(value) if name == "search_path" else sql.Literal(value)
                setting = sql.SQL("{} = {}").format(sql.SQL(name), shown)
                boss.execute(sql.SQL("ALTER DATABASE {} SET {}").format(database, setting))
                boss.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} SET {}").format(owner, database, setting))

    return set_


def settings_of(round_: int) -> dict[str, str]:
    """A round's value of each setting that has one."""
    chosen = {name: values[round_ % len(values)] for name, values in SETTINGS.items()}
    return {name: value for name, value in chosen.items() if round_ % 2 == 0 or len(SETTINGS[name]) > 1}


@pytest.mark.parametrize("settings", [settings_of(round_) for round_ in range(ROUNDS)], ids=range(ROUNDS))
def test_everything_works_whatever_is_set(
    filled: str,
    set_for: Callable[[str, dict[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
) -> None:
    with databases.connect(filled) as conn:
        (client,) = conn.execute("SELECT client_id FROM main_clients_database LIMIT 1").fetchone() or (None,)
    set_for(filled, settings)
    everything_works(filled, client, monkeypatch)


def test_database_that_is_read_only_is_upgraded_and_looked_at(
    filled: str, set_for: Callable[[str, dict[str, str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # An operator who upgrades means it. What serves clients is refused, as whoever froze the database meant it.
    set_for(filled, {READ_ONLY: "on"})
    databases.upgrade(filled)
    for arguments in (["verify"], ["doctor"], ["status"], ["backfill", "--dry-run"]):
        command(monkeypatch, filled, *arguments)


def test_no_setting_is_left_out(server_url: str) -> None:
    with databases.connect(server_url) as boss:
        boss.execute("LOAD 'plpgsql'")
        there = {
            name
            for (name,) in boss.execute(
                "SELECT lower(name) FROM pg_settings WHERE context IN ('user', 'superuser')"
                " AND category ~ %s AND lower(name) !~ %s",
                [READ_OR_SHOWN, WITHOUT_EFFECT],
            )
        }
    assert there - SETTINGS.keys() == {READ_ONLY}


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP", "WIN1251"])
def test_everything_works_in_another_encoding(
    server_url: str, owner: str, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    url = databases.create_database(server_url)
    databases.drop_database(server_url, url)
    with databases.connect(server_url) as boss:
        boss.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C'").format(
                sql.Identifier(databases.name_of(url)), sql.Identifier(owner), sql.Literal(encoding)
            )
        )
    try:
        databases.load(url, databases.EXISTING_SCHEMA)
        with psycopg.connect(url, autocommit=True, client_encoding="utf8") as conn:
            client = databases.add_user(conn)
            databases.add_channel(conn, client)
            databases.add_channel(conn, client)
        everything_works(url, client, monkeypatch)
    finally:
        databases.drop_database(server_url, url)
