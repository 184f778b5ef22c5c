"""How far a database is: its revision, what an upgrade would do, whether the rule is in force."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import psycopg
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.rows import dict_row

from pyapi.checks.drift import missing_roles, read_fingerprint
from pyapi.checks.roles import role_names
from pyapi.project_file import project_file
from pyapi.queries import QUERIES


@dataclass(frozen=True)
class Status:
    """What `broadcast-manager status` tells. What could not be looked at is None, and the sentence says why."""

    revision: str | None
    head: str
    outlook: dict[str, int] | None
    outlook_missing: str
    parts_missing: list[str] | None
    missing_roles: list[str]
    seconds_since_check: int | None

    @property
    def is_well(self) -> bool:
        """Nothing is left to do: at head, each row in order, every part of the rule in force."""
        return self.revision == self.head and self.parts_missing == [] and not any((self.outlook or {"?": 1}).values())

    @property
    def could_look(self) -> bool:
        """Whether the rows could be counted, or there are none to count."""
        return self.outlook is not None

    def lines(self) -> list[str]:
        """Five sentences."""
        there = [name for name in role_names() if name not in self.missing_roles]
        return [
            f"Revision: {self.revision or 'none'}; this release's: {self.head}.",
            f"Upgrade would {self._outlook()}.",
            f"The rule is {self._in_force()}.",
            f"Roles there: {', '.join(there) or 'none'}; missing: {', '.join(self.missing_roles) or 'none'}.",
            f"Last full check: {self._last_check()}.",
        ]

    def _outlook(self) -> str:
        if self.outlook is None:
            return f"do what cannot be told: {self.outlook_missing}"
        counts = ", ".join(f"{verb} {self.outlook[f'to_{verb}']}" for verb in ("create", "repair", "quarantine"))
        return f"{counts} broadcast rows{f' ({self.outlook_missing})' if self.outlook_missing else ''}"

    def _in_force(self) -> str:
        if self.parts_missing is None:
            return "not installed"
        return f"not in force: {', '.join(self.parts_missing)}" if self.parts_missing else "in force"

    def _last_check(self) -> str:
        if self.seconds_since_check is None:
            return "none yet"
        return f"{timedelta(seconds=self.seconds_since_check)} ago"


def read_status(conn: psycopg.Connection[Any]) -> Status:
    """Look at a database, upgraded or not; changes nothing.

    Args:
        conn: in autocommit; as the tables' owner, to see everything.

    Raises:
        psycopg.Error: it could not look.
    """
    revision = None
    if conn.execute(QUERIES["has_revision"]).fetchone():
        found = conn.execute(QUERIES["upgraded_to"]).fetchone()
        revision = found[0] if found else None
    outlook, why = _outlook(conn)
    return Status(
        revision=revision,
        head=_head(),
        outlook=outlook,
        outlook_missing=why,
        parts_missing=_parts_missing(conn),
        missing_roles=missing_roles(read_fingerprint(conn)),
        seconds_since_check=_seconds_since_check(conn),
    )


def refusal(conn: psycopg.Connection[Any], revision: str | None) -> str | None:
    """What the upgrade would refuse with before it changes anything, or None; tried, and taken back.

    Args:
        conn: in autocommit; as who would upgrade.
        revision: how far the database is; the preflight is the first revision's.

    Raises:
        psycopg.OperationalError: it could not be tried.
    """
    # The schema, too: event triggers see statements in it.
    names = ["schema.sql", "owner.sql", *([] if revision else ["versions/0001_preflight.up.sql"])]
    with conn.transaction(force_rollback=True):
        try:
            with conn.transaction():
                conn.execute(QUERIES["upgrade_session_settings"])
                for name in names:
                    conn.execute(project_file(f"migrations/{name}").read_bytes())
        except psycopg.OperationalError:
            raise
        except psycopg.Error as error:
            parts = (error.diag.message_primary, error.diag.message_detail, error.diag.message_hint)
            return "\n".join(part for part in parts if part)
    return None


def _head() -> str:
    config = Config()
    config.set_main_option("script_location", str(project_file("migrations")).replace("%", "%%"))
    return str(ScriptDirectory.from_config(config).get_current_head())


def _outlook(conn: psycopg.Connection[Any]) -> tuple[dict[str, int] | None, str]:
    with conn.cursor(row_factory=dict_row) as cursor:
        try:
            row = cursor.execute(QUERIES["upgrade_outlook"]).fetchone() or {}
        except psycopg.errors.UndefinedTable:
            nothing = dict.fromkeys(("to_create", "to_repair", "to_quarantine"), 0)
            return nothing, "and make the tables that are missing"
    if row.pop("rows_are_hidden"):
        return None, "row level security hides rows"
    return {name: int(count) for name, count in row.items()}, ""


def _parts_missing(conn: psycopg.Connection[Any]) -> list[str] | None:
    try:
        rows = conn.execute(QUERIES["rule_parts"]).fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None
    return [str(part) for part, in_force in rows if not in_force]


def _seconds_since_check(conn: psycopg.Connection[Any]) -> int | None:
    try:
        row = conn.execute(QUERIES["last_full_check"]).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return None
    return int(row[0]) if row else None
