"""Connects Alembic to the database: which one, whose turn it is, and what an operator reads when it is refused."""

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import tenacity
from alembic import context
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.util import CommandError
from sqlalchemy import DDL, Connection, Table, create_engine, event, inspect, pool
from sqlalchemy.exc import DBAPIError, OperationalError

from pyapi.database_url import DatabaseUrlError, database_url, libpq_url, sqlalchemy_url
from pyapi.queries import QUERIES
from pyapi.upgrade import progress
from pyapi.upgrade.waiting import waits_told

SCHEMA = "broadcast"
VERSION_TABLE = "alembic_version"
SCHEMA_SQL = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8").rstrip(";\n")
DROP_EMPTY_SCHEMA_SQL = Path(__file__).with_name("drop_empty_schema.sql").read_text(encoding="utf-8")
TURN = "broadcast_manager migrations"

log = logging.getLogger("alembic.broadcast_manager")

_WAYS_OUT = {
    psycopg.errors.LockNotAvailable.sqlstate: (
        "End the transactions that were named above, or wait for them, and run the upgrade again:"
        " it takes away the index that was not finished and goes on."
    ),
    psycopg.errors.InsufficientPrivilege.sqlstate: "Have a superuser grant this role what it lacks, then go on.",
}


class _VersionTableInOurSchema(PostgresqlImpl):
    """Makes the schema right before Alembic's table in it: in the same transaction, in a database as in a script."""

    __dialect__ = "postgresql"

    def version_table_impl(self, **options: Any) -> Table:
        table = super().version_table_impl(**options)
        event.listen(table, "before_create", DDL(SCHEMA_SQL))  # type: ignore[no-untyped-call]
        return table


def offline() -> None:
    """Write the script that psql runs, with the same steps, refusals and commits."""
    context.configure(
        url="postgresql+psycopg://",
        version_table=VERSION_TABLE,
        version_table_schema=SCHEMA,
        transaction_per_migration=True,
        literal_binds=True,
    )
    context.static_output("-- For psql, outside a transaction: psql -f this-file")
    context.static_output("\\set ON_ERROR_STOP on")
    for settings in ("session_settings", "upgrade_session_settings"):
        context.static_output(f"{QUERIES[settings]}\n\\gset")
    context.static_output(
        f"SELECT pg_try_advisory_lock(hashtext('{TURN}')) AS our_turn \\gset\n"
        "\\if :our_turn\n\\else\n"
        "  DO $$ BEGIN RAISE EXCEPTION 'another migration is running; try again when it has ended'"
        " USING ERRCODE = 'BM003'; END $$;\n"
        "\\endif"
    )
    with context.begin_transaction():
        context.run_migrations()
    if context.get_revision_argument() is None:  # down to base
        context.static_output(DROP_EMPTY_SCHEMA_SQL)


def online(url: str) -> None:
    """Migrate the database at this URL, one revision a transaction.

    Raises:
        CommandError: the database refused; the message says what, where and the way out.
    """
    engine = create_engine(sqlalchemy_url(url), poolclass=pool.NullPool, connect_args={"client_encoding": "utf8"})
    try:
        with engine.connect() as connection, progress.shown() as report, ExitStack() as told:
            _run(connection, QUERIES["session_settings"])
            _run(connection, QUERIES["upgrade_session_settings"])
            driver_connection = connection.connection.driver_connection
            if isinstance(driver_connection, psycopg.Connection):
                driver_connection.add_notice_handler(report)
                told.enter_context(waits_told(libpq_url(url), driver_connection.info.backend_pid, log.info))
            _wait_for_our_turn(connection)
            context.configure(
                connection=connection,
                version_table=VERSION_TABLE,
                version_table_schema=SCHEMA,
                transaction_per_migration=True,
            )
            if inspect(connection).has_schema(SCHEMA):
                _run(connection, SCHEMA_SQL)  # refuses one that is not ours before Alembic reads a table in it
            try:
                _refuse_newer_database()
                with context.begin_transaction():
                    context.run_migrations()
            finally:
                if not (connection.closed or connection.invalidated):
                    connection.rollback()
                    _run(connection, DROP_EMPTY_SCHEMA_SQL)
    except DBAPIError as error:
        raise CommandError(_sentence(error)) from error


@tenacity.retry(
    retry=tenacity.retry_if_result(lambda got: not got),
    wait=tenacity.wait_random(0.2, 0.6),
    before_sleep=lambda _: log.info("another migration is running; waiting for it to end"),
)
def _wait_for_our_turn(connection: Connection) -> bool:
    # Asked again and again outside a transaction: a session blocked in pg_advisory_lock() holds a snapshot, and
    # CREATE INDEX CONCURRENTLY of the other migration waits for that.
    got = connection.exec_driver_sql(f"SELECT pg_try_advisory_lock(hashtext('{TURN}'))").scalar_one()
    connection.rollback()
    return bool(got)


def _refuse_newer_database() -> None:
    known = {revision.revision for revision in context.script.walk_revisions()}
    if unknown := set(context.get_context().get_current_heads()) - known:
        raise CommandError(
            f"the database is at revision {', '.join(sorted(unknown))}, which this release does not know:"
            " a newer one has migrated it; run Alembic from that release"
        )


def _run(connection: Connection, sql: str) -> None:
    connection.exec_driver_sql(sql)
    connection.commit()


def _sentence(error: DBAPIError) -> str:
    origin = error.orig
    if isinstance(origin, psycopg.Error) and origin.diag.message_primary:
        d = origin.diag
        parts: list[tuple[str, Any]] = [
            ("", d.message_primary),
            ("", d.message_detail),
            ("Way out: ", d.message_hint or _WAYS_OUT.get(origin.sqlstate or "")),
        ]
        text = "\n".join(f"{label}{part}" for label, part in parts if part)
        return f"{text}\n(SQLSTATE {origin.sqlstate}; finished revisions stay, the next upgrade goes on from there)"
    if isinstance(error, OperationalError):
        return f"the database cannot be reached: {origin}"
    return str(origin)


def _log_to_stderr() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)-5.5s [%(name)s] %(message)s")
    logging.getLogger("alembic").setLevel(logging.INFO)


if context.is_offline_mode():
    offline()
elif url := context.config.attributes.get("url"):
    online(url)
else:
    _log_to_stderr()
    try:
        online(database_url())
    except DatabaseUrlError as error:
        raise CommandError(str(error)) from error
