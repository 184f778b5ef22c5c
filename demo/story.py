"""The story: an existing database in a bad state, the upgrade, and what the database refuses then."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from pyapi import RuleError, typed_errors
from pyapi.checks.violations import find_violations

from .clients import CLIENTS, register_by
from .errors import DemoError
from .target import Place

CLIENT = UUID("7e1018e4-5644-4031-a05c-4166cc877264")
EXISTING_DATABASE = [Path(__file__).with_name(name) for name in ("existing_schema.sql", "telepaypsql.sql")]

Connection = psycopg.Connection[Any]


def tell(place: Place, console: Console) -> None:
    """Tell the whole story in an empty database.

    Raises:
        DemoError: something did not go as the story says it must.
        RuleError: the thin layer refused something that should have gone well.
        psycopg.Error: the database refused something that should have gone well.
    """
    with psycopg.connect(place.url, autocommit=True) as conn:
        _heading(console, 1, "The existing database")
        _build(conn, console)
        _show_client(conn, console)
        _heading(console, 2, "The integrity report before")
        _report_violations(conn, console)
        _heading(console, 3, "The upgrade")
        _upgrade(place.url, console)
        _heading(console, 4, "The client has ids, the report is empty, nothing was lost")
        _show_client(conn, console)
        _report_nothing(conn, console)
        _show_quarantine(conn, console)
        _heading(console, 5, "Clients register channels, none of them knows of the rule")
        registered = _register(place, conn, console)
        _heading(console, 6, "A channel is deleted, its broadcast row goes with it")
        _delete(conn, console, registered[0])
        _heading(console, 7, "Three things that the database refuses")
        _refusals(place.url, conn, console)
        _heading(console, 8, "The integrity report at the end")
        _report_nothing(conn, console)


def _heading(console: Console, number: int, text: str) -> None:
    console.print()
    console.rule(f"[bold]{number}. {escape(text)}", align="left")
    console.print()


def _build(conn: Connection, console: Console) -> None:
    with conn.transaction():
        for file in EXISTING_DATABASE:
            conn.execute(file.read_bytes())
    users, channels, rows = _counts(conn)
    owner, version = conn.execute(
        "SELECT current_user || CASE WHEN r.rolsuper THEN ', a superuser' ELSE ', no superuser' END,"
        " split_part(current_setting('server_version'), ' ', 1)"
        " FROM pg_roles AS r WHERE r.rolname = current_user"
    ).fetchall()[0]
    console.print(
        f"A copy of the live schema on PostgreSQL {version}, owned by {owner}:\n"
        f"  registered_users {users}, main_clients_database {channels}, broadcast_manager {rows}.\n"
        "Nothing ties the last two together. One client asks why the dashboard shows\n"
        "“Not Configured” where the “Resend Notification” button belongs.\n",
        markup=False,
    )


def _show_client(conn: Connection, console: Console) -> None:
    table = Table()
    table.add_column("open channel", no_wrap=True)
    table.add_column("title")
    table.add_column("broadcast_id", no_wrap=True, min_width=36)
    for open_id, title, broadcast_id in conn.execute(
        "SELECT c.open_channel_id, c.open_channel_title, b.id"
        " FROM main_clients_database AS c"
        " LEFT JOIN broadcast_manager AS b USING (open_channel_id, closed_channel_id)"
        " WHERE c.client_id = %s ORDER BY c.id",
        [CLIENT],
    ):
        shown = f"[green]{broadcast_id}" if broadcast_id else "[red]none: “Not Configured”"
        table.add_row(open_id, escape(title), shown)
    console.print(f"[bold]The channels of client {CLIENT}")
    console.print(table)


def _report_violations(conn: Connection, console: Console) -> None:
    violations = find_violations(conn)
    if not violations:
        raise DemoError("The integrity report is empty, but the existing database is in disorder.")
    names: dict[UUID, str] = dict(conn.execute("SELECT user_id, username FROM registered_users").fetchall())
    rows = Table()
    for column in ("check", "owner", "open / closed channel", "broadcast_id"):
        rows.add_column(column, no_wrap=True)
    schema = Table()
    for column in ("check", "what the schema lacks"):
        schema.add_column(column, no_wrap=True)
    previous = ""
    for v in violations:
        check = f"[red]{v.check_name}" if v.check_name != previous else ""
        table = schema if v.open_channel_id is None else rows
        if check:
            table.add_section()
        if v.open_channel_id is None:
            table.add_row(check, escape(v.detail))
        else:
            table.add_row(
                check,
                names.get(v.client_id, "") if v.client_id else "",
                f"{v.open_channel_id} / {v.closed_channel_id}",
                f"{str(v.broadcast_id)[:8]}…" if v.broadcast_id else "none",
            )
        previous = v.check_name
    console.print(rows, schema)
    console.print(
        f"📢 {len(violations)} violations before the upgrade."
        " [not bold](broadcast-manager verify lists them with a remedy for each)",
        style="bold red",
    )


def _report_nothing(conn: Connection, console: Console) -> None:
    violations = find_violations(conn)
    if violations:
        first = violations[0]
        raise DemoError(
            f"The integrity report should be empty, but has {len(violations)} violations, the first"
            f" of them {first.check_name}: {first.detail}"
        )
    _, channels, rows = _counts(conn)
    console.print(
        f"📢 0 violations: {channels} channels, {rows} broadcast rows, one for each.",
        style="bold green",
    )


def _upgrade(url: str, console: Console) -> None:
    console.print("$ DATABASE_URL=… broadcast-manager upgrade", style="bold")
    with subprocess.Popen(
        [sys.executable, "-c", "from pyapi.cli import app; app()", "upgrade"],
        env={**os.environ, "DATABASE_URL": url, "PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as upgrade:
        try:
            for line in upgrade.stdout or ():
                _show_line(line.rstrip(), console)
        except KeyboardInterrupt:
            # Nothing may go on building while we clean up.
            upgrade.terminate()
            upgrade.wait()
            raise
    if upgrade.returncode != 0:
        raise DemoError(f"The upgrade failed with exit code {upgrade.returncode}; it said why above.")


def _show_line(line: str, console: Console) -> None:
    # In a pipe what it logs is JSON; a refusal is a sentence.
    try:
        text = str(json.loads(line)["event"])
    except ValueError:
        console.print(f"  {line}", markup=False)
        return
    if text.startswith(("Context impl", "Will assume")) or text.endswith(", skipping"):
        return
    if text.startswith("Running upgrade "):
        revisions, _, what = text.partition(", ")
        text = f"{revisions.rpartition('-> ')[2]}  {what}"
    else:
        text = f"{'':6}{text}"
    console.print(f"  {text}", markup=False, style="dim")


def _show_quarantine(conn: Connection, console: Console) -> None:
    table = Table()
    table.add_column("reason", no_wrap=True)
    table.add_column("the row's pair as it was", no_wrap=True)
    table.add_column("sent", justify="right")
    table.add_column("what became of the row")
    for reason, pair, sent, closed_id, owner in conn.execute(
        "SELECT q.reason,"
        " concat_ws(' / ', q.broadcast_row ->> 'open_channel_id',"
        "  q.broadcast_row ->> 'closed_channel_id'),"
        " q.broadcast_row ->> 'total_broadcasts', b.closed_channel_id, u.username"
        " FROM broadcast.quarantine AS q"
        " LEFT JOIN broadcast_manager AS b ON b.id = q.broadcast_id"
        " LEFT JOIN registered_users AS u ON u.user_id = b.client_id"
        " ORDER BY q.reason, q.id"
    ):
        became = {
            "relinked": f"stays, re-linked to {closed_id}",
            "owner_corrected": f"stays, owner now {owner}",
        }.get(reason, "taken out, kept here with its history")
        table.add_row(f"[yellow]{reason}", pair, sent, became)
    console.print("\n[bold]broadcast.quarantine: the rows that did not fit, and why")
    console.print(table)


def _register(place: Place, conn: Connection, console: Console) -> list[UUID]:
    table = Table()
    table.add_column("registered by", no_wrap=True)
    table.add_column("open / closed channel", no_wrap=True)
    table.add_column("broadcast_id", no_wrap=True)
    registered: list[UUID] = []
    for name, file in CLIENTS.items():
        broadcast_id = register_by(file, place)
        if broadcast_id is None:
            table.add_row(name, "[yellow]left out: no psql is installed", "")
            continue
        table.add_row(name, " / ".join(_pair_of(conn, broadcast_id)), f"[green]{broadcast_id}")
        registered.append(broadcast_id)
    console.print(table)
    console.print(
        f"📢 {len(registered)} channels registered, each id read back in the same transaction.",
        style="bold green",
    )
    return registered


def _pair_of(conn: Connection, broadcast_id: UUID) -> tuple[str, str]:
    query = "SELECT open_channel_id, closed_channel_id FROM broadcast_manager WHERE id = %s"
    pair: tuple[str, str] = conn.execute(query, [broadcast_id]).fetchall()[0]
    return pair


def _delete(conn: Connection, console: Console, broadcast_id: UUID) -> None:
    open_id, _ = _pair_of(conn, broadcast_id)
    statement = f"DELETE FROM main_clients_database WHERE open_channel_id = '{open_id}'"  # noqa: S608
    table = Table()
    table.add_column("")
    for column in ("channels", "broadcast rows", f"with id {broadcast_id}"):
        table.add_column(column, justify="right")
    before = _rows_left(conn, broadcast_id)
    conn.execute(statement.encode())
    after = _rows_left(conn, broadcast_id)
    table.add_row("before", *map(str, before))
    table.add_row("after", *map(str, after))
    console.print(f"[bold]{statement}")
    console.print(table)
    if after != (before[0] - 1, before[1] - 1, 0):
        raise DemoError("The broadcast row did not go with its channel.")


def _rows_left(conn: Connection, broadcast_id: UUID) -> tuple[int, int, int]:
    _, channels, rows = _counts(conn)
    query = "SELECT count(*) FROM broadcast_manager WHERE id = %s"
    return channels, rows, conn.execute(query, [broadcast_id]).fetchall()[0][0]


def _refusals(url: str, conn: Connection, console: Console) -> None:
    before = _counts(conn)
    _refused(
        url,
        console,
        "Delete the broadcast row of a living channel",
        "DELETE FROM broadcast_manager WHERE open_channel_id = '-1003268562225'",
    )
    _refused(
        url,
        console,
        "Truncate the broadcast rows, and the channels along with them",
        "TRUNCATE broadcast_manager CASCADE",
    )
    _refused(
        url,
        console,
        "Insert a broadcast row without its channel",
        "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES"  # noqa: S608
        f" ('{CLIENT}', '-1009999999999', '-1008888888888')",
    )
    if _counts(conn) != before:
        raise DemoError("What was refused has changed the database nevertheless.")
    console.print("📢 3 of 3 refused, nothing changed.", style="bold green")


def _refused(url: str, console: Console, title: str, statement: str) -> None:
    at = "at once"
    try:
        with psycopg.connect(url) as conn, typed_errors():
            conn.execute(statement.encode())
            at = "at COMMIT"
            conn.commit()
    except RuleError as error:
        lines = Table.grid(padding=(0, 2))
        lines.add_column(no_wrap=True, style="dim")
        lines.add_column()
        for name, value in (
            ("statement", statement),
            ("refused", f"{at}, SQLSTATE {error.sqlstate}, pyapi.{type(error).__name__}"),
            ("message", str(error)),
            ("constraint", error.constraint),
            ("detail", error.detail),
            ("hint", error.hint),
        ):
            if value:
                lines.add_row(name, escape(value))
        console.print(Panel(lines, title=f"[bold]❌ {title}", title_align="left"))
        return
    raise DemoError(f"This should have been refused, but was not: {statement}")


def _counts(conn: Connection) -> tuple[int, int, int]:
    users, channels, rows = conn.execute(
        "SELECT (SELECT count(*) FROM registered_users),"
        " (SELECT count(*) FROM main_clients_database),"
        " (SELECT count(*) FROM broadcast_manager)"
    ).fetchall()[0]
    return users, channels, rows
