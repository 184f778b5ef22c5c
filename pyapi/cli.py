"""The command line for operators; each command works on the database given by DATABASE_URL or --database-url."""

import asyncio
import io
import json
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import class_row

try:
    import structlog
    import typer
    import typer.core
    from rich.console import Console
    from rich.table import Table
    from typer.exceptions import TyperException
except ModuleNotFoundError:
    sys.stderr.write("broadcast-manager needs the extra cli: pip install 'broadcast-manager[cli]'\n")
    sys.exit(2)

from pyapi import logs
from pyapi.checks.backfill import backfill, channels_of_client, count_missing
from pyapi.checks.drift import find_drift, grant_statements, missing_roles, open_to, read_fingerprint
from pyapi.checks.indexes import redundant_indexes
from pyapi.checks.report import plural, report, wrapped
from pyapi.checks.roles import role_names, roles_script
from pyapi.checks.violations import is_check, stream_violations, violation_examples, violation_lines
from pyapi.database_url import DatabaseUrlError, connection_options, database_url
from pyapi.log_events import milliseconds_since
from pyapi.queries import QUERIES
from pyapi.upgrade import progress

if TYPE_CHECKING:
    from pyapi.worker.settings import WorkerSettings


class _Commands(typer.core.TyperGroup):
    """The commands. Findings alone are exit code 1: what can't be told or done is 2."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # An option of the program's is one of each command's, too: it may stand before or after the name.
        _give(next(option for option in self.params if "--database-url" in option.opts), self)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what it wrote has arrived before an exit code tells of it."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # Who read it has seen enough, as head does.
            _give_up_stdout()
            raise typer.Exit(WRONG_USE) from None
        except OSError as error:
            _give_up_stdout()
            _fail(f"cannot write or read: {error.strerror or error}")
        except _ENDS:
            raise
        except Exception:
            # A mistake of this program's; Python's own exit code for it would be that of findings.
            traceback.print_exc()
            raise typer.Exit(WRONG_USE) from None


def _give(option: Any, command: Any) -> None:
    for one in getattr(command, "commands", {}).values():
        one.params.append(option)
        _give(option, one)


def _use_database(ctx: typer.Context, url: str | None) -> None:
    if url is not None:
        os.environ["DATABASE_URL"] = url
        ctx.meta[DATABASE_OPTION] = True


def _give_up_stdout() -> None:
    # Otherwise Python writes what is left once more at its end, and tells with an exit code of its own that it can't.
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    # Closed by the shell (>&-) they are None: then the exit code is all that is asked for. Open until the end.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115


_open_streams()
app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    help=(
        "Looks after the rule: no channel without its broadcast row."
        " The database is given by DATABASE_URL or --database-url."
    ),
)
# In a pipe the whole line counts: names must not be broken to fit a terminal that is not there.
out = Console(width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True)
log = structlog.get_logger()

WRONG_USE = 2
WATCH_SECONDS = 2
# So many findings of a check are shown.
EXAMPLES = 20
DATABASE_OPTION = "pyapi.database_url"

# What a database says that was not upgraded, or not to this release.
_NOT_UPGRADED = (
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.UndefinedColumn,
)

# How typer ends a command.
_ENDS = (typer.Exit, typer.Abort, TyperException)

_T = TypeVar("_T")


class Switch(StrEnum):
    """What the command sending does."""

    ON = "on"
    OFF = "off"
    STATUS = "status"


AsScript = Annotated[bool, typer.Option("--sql", help="Write a script for psql; no database is needed.")]


def _show_version(asked: bool) -> None:
    if asked:
        try:
            sys.stdout.write(f"broadcast-manager {version('broadcast-manager')}\n")
        except PackageNotFoundError:
            _fail("not installed, so there is no version: this is a checkout")
        raise typer.Exit


@app.callback()
def configure(
    _: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="The release, and nothing else.")
    ] = False,
    __: Annotated[
        str | None,
        typer.Option(
            "--database-url",
            metavar="URL",
            expose_value=False,
            callback=_use_database,
            help="The database, in place of DATABASE_URL; that one keeps a password out of the list of processes.",
        ),
    ] = None,
) -> None:
    # A terminal or a file in another encoding gets a question mark for what it can't show.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    logs.configure()


@app.command()
def upgrade(
    revision: Annotated[str, typer.Argument()] = "head",
    as_script: AsScript = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would do, as status; change nothing.")
    ] = False,
) -> None:
    """Install the rule or a newer release of it, as `alembic upgrade` does in a checkout. Run it as often as you like.

    With --dry-run also what it would refuse with.
    Exit code 0: done, or nothing to do. 1: the database refused, and finished revisions stay; with --dry-run: there is
    something to do. 2: wrong use, or it cannot be reached.
    """
    if dry_run:
        _tell_status(with_refusal=True)
    _migrate("upgrade", revision, as_script)


@app.command()
def status(
    watch: Annotated[
        bool, typer.Option("--watch", help="Is it well? Rule, queue, workers and deliveries, until Ctrl-C.")
    ] = False,
) -> None:
    """Tell in five lines how far this database is, and what upgrade would do.

    With --watch how it runs, again every two seconds; once if there is no terminal.
    Exit code 0: it is upgraded, and nothing is left to do; with --watch: it is well. 1: it is not. 2: it could not
    look.
    """
    if watch:
        _watch()
    _tell_status(with_refusal=False)


def _watch() -> NoReturn:
    from rich.live import Live

    from pyapi.checks.health import Health, parse_health
    from pyapi.checks.health_screen import screen

    def read() -> Health:
        row = conn.execute(QUERIES["health"]).fetchone()
        return parse_health(row[0] if row else "")

    with _connection() as conn:
        health = read()
        if out.is_terminal:
            with suppress(KeyboardInterrupt), Live(screen(health), console=out, screen=True) as live:
                while True:
                    time.sleep(WATCH_SECONDS)
                    health = read()
                    live.update(screen(health))
        out.print(screen(health))
    raise typer.Exit(1 if health.problems else 0)


def _tell_status(*, with_refusal: bool) -> NoReturn:
    with _extra("cli", "status"):
        from pyapi.upgrade.status import read_status, refusal
    with _connection() as conn:
        found = read_status(conn)
        refused = None
        if with_refusal and found.revision != found.head:
            conn.add_notice_handler(lambda d: _write_error(f"notice: {d.message_primary}"))
            refused = refusal(conn, found.revision)
    for line in found.lines():
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    if refused:
        _write_error(refused)
    if not found.could_look:
        raise typer.Exit(WRONG_USE)
    raise typer.Exit(0 if found.is_well and not refused else 1)


# A revision may be -1, which is no option.
@app.command(context_settings={"ignore_unknown_options": True})
def downgrade(
    revision: str,
    as_script: AsScript = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask on a terminal.")] = False,
) -> None:
    """Go back to a revision, as `alembic downgrade` does in a checkout: base takes the rule away, no channel is lost.

    On a terminal it asks first.
    Exit code 0: done. 1: the database refused; finished revisions stay. 2: wrong use, or it cannot be reached.
    """
    if not (yes or as_script) and sys.stdin is not None and sys.stdin.isatty():
        err.print(f"This goes back to {revision}. Without the rule new channels get no broadcast row.", markup=False)
        if not typer.confirm("Go on?", err=True):
            _fail("nothing was changed")
    _migrate("downgrade", revision, as_script)


@app.command()
def verify(
    as_json: Annotated[bool, typer.Option("--json", help="All findings, one JSON object a line.")] = False,
    show_all: Annotated[bool, typer.Option("--all", help=f"All findings, not only {EXAMPLES} of each check.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="So many findings of each check.")] = None,
    check: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this check; may be given several times.")
    ] = None,
) -> None:
    """Find channels without broadcast rows and everything else that breaks the rule.

    Run it before and after an upgrade, after a restore, and whenever a superuser worked on the tables.
    Exit code 0: all is well. 1: there are findings. 2: it could not look, or not tell what it found.
    """
    for name in check or ():
        if not is_check(name):
            _fail(f"--check: there is no check {name!r}; docs/operations.md lists them")
    if show_all and limit is not None:
        _fail("--all and --limit do not go together")
    examples = None if show_all else limit or (None if as_json else EXAMPLES)
    checks = check or ()
    with _connection() as conn:
        if as_json:
            pieces = (f"{line}\n" for line in violation_lines(conn, checks, examples))
        else:
            width = out.width if out.is_terminal else None
            pieces = report(violation_examples(conn, checks, examples), examples, width)
        with closing(pieces):
            findings = _write(pieces)
    if not findings and not as_json:
        about = f"No findings of {', '.join(check)}." if check else None
        out.print(f"📢 {about or 'Every channel has exactly one broadcast row, and the rule is in place.'}")
    raise typer.Exit(1 if findings else 0)


def _write(pieces: Iterable[str]) -> bool:
    """Write them as they come; gives whether there were any."""
    number = 0
    for number, piece in enumerate(pieces, 1):
        sys.stdout.write(piece)
        # Whoever looks on sees at once that it goes on.
        if number == 1:
            sys.stdout.flush()
    return number > 0


@app.command(name="try")
def try_rule() -> None:
    """Try the rule: insert a channel, read its id, edit and delete it, and take everything back.

    As the tables' owner. The error of a trigger that is in the way is told with its SQLSTATE and the trigger's name.
    Exit code 0: every step went well. 1: one did not, and is told. 2: it could not try.
    """
    from pyapi.checks.trial import Step

    with _connection() as conn, conn.cursor(row_factory=class_row(Step)) as cursor:
        steps = cursor.execute(QUERIES["try_rule"]).fetchall()
    for step in steps:
        out.print(f"{'✓' if step.is_done else '✗'} {step.sentence}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if all(step.is_done for step in steps) else 1)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Compare the database's catalogue with what the rule is made of; any role that may connect can run it.

    Of grants it tells what is open, and the statements that close it.
    Exit code 0: no drift. 1: something differs, and is named. 2: it could not look.
    """
    with _connection() as conn:
        facts = read_fingerprint(conn)
    drifts = find_drift(facts)
    others = [f for f in facts if f.scope == "other"]
    statements = grant_statements(drifts)
    if as_json:
        sys.stdout.write(
            json.dumps(
                {
                    "drift": [vars(d) for d in drifts],
                    "statements": statements,
                    "missing_roles": missing_roles(facts),
                    "other": [vars(f) for f in others],
                },
                indent=2,
            )
            + "\n"
        )
    else:
        if drifts:
            width = out.width if out.is_terminal else None
            for d in (d for d in drifts if d.kind != "grant"):
                _write(
                    [wrapped(f"{d.kind} {d.name}", width, 0), wrapped(f"must be: {d.expected or 'not there'}", width)]
                )
                _write([wrapped(f"is: {d.found or 'missing'}", width), "\n"])
            for grantee, count in open_to(drifts).items():
                _write([f"open to {grantee}: {plural(count, 'object')}\n"])
            if statements:
                _write(["-- These statements put the grants right, as the tables' owner or a superuser:\n"])
                _write([f"{statement}\n" for statement in statements])
            out.print(plural(len(drifts), "difference"))
            if len(statements) < len(drifts):
                out.print("The definitions to go back to lie in sql/, one file an object.")
        else:
            out.print("📢 No drift: trigger, keys, functions, views and grants are as they must be.")
        if (missing := missing_roles(facts)) and not any(d.found == "not installed" for d in drifts):
            out.print(f"Roles that are not there: {', '.join(missing)}; broadcast-manager roles --sql makes them.")
        count = sum(1 for f in others if f.kind in ("trigger", "policy", "grant"))
        others_stand = f"{count} trigger, policy or grant of others stands"
        if count != 1:
            others_stand = f"{count} triggers, policies and grants of others stand"
        out.print(f"{others_stand} beside them; --json lists all.")
    raise typer.Exit(1 if drifts else 0)


@app.command()
def roles(
    as_sql: Annotated[bool, typer.Option("--sql", help="Print what makes them; no database is needed.")] = False,
) -> None:
    """Tell which of the roles are there that processes connect as; the rule works without them.

    An upgrade by a role that may not create roles leaves them out. With --sql: the statements that make those that are
    missing and grant all of them what they need, for a superuser's psql after the upgrade; run it as often as you like.
    """
    if as_sql:
        sys.stdout.write(roles_script())
        return
    with _connection() as conn:
        missing = missing_roles(read_fingerprint(conn))
    for name in role_names():
        out.print(f"{name}: {'missing' if name in missing else 'there'}")


@app.command()
def indexes(
    drop: Annotated[bool, typer.Option("--drop", help="Drop them, after asking for each.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Drop them without asking.")] = False,
) -> None:
    """List the indexes of the platform's tables that the rule's keys have made redundant; inserts are faster without.

    A statement of another program may use one all the same: see its scans, on each replica as well.
    Exit code 0: it has looked, and dropped what it was to drop. 2: it could not look, or may not drop one.
    """
    with _connection() as conn:
        found = redundant_indexes(conn)
        for index in found:
            used = f"{plural(index.scans, 'scan')} since {index.since:%Y-%m-%d}"
            told = f"{index.name} on {index.table_name}, {index.size}, {used}"
            out.print(told, markup=False, highlight=False, soft_wrap=True)
            for line in (
                f"Why: {index.reason}.",
                f"Drop: {index.drop_statement};",
                f"Make again: {index.make_statement};",
            ):
                out.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
            if yes or (drop and typer.confirm(f"Drop {index.name}?", err=True)):
                conn.execute(index.drop_statement.encode())
                out.print(f"  Dropped {index.name}.", markup=False, highlight=False, soft_wrap=True)
    if not found:
        out.print("📢 No redundant index.")


@app.command(name="backfill")
def backfill_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, change nothing.")] = False,
    batch_size: Annotated[int, typer.Option(min=1, max=100_000, help="Rows in one transaction.")] = 1000,
    client: Annotated[UUID | None, typer.Option(metavar="UUID", help="Only this client's channels.")] = None,
    spread: Annotated[
        str,
        typer.Option(metavar="INTERVAL", help="The new rows fall due within this time, as in '6 hours'."),
    ] = "0",
) -> None:
    """Create the broadcast rows that channels lack, in batches that commit. Run it as often as you like.

    Exit code 0: nothing is left to do. 1: rows are still missing, and are listed. 2: wrong use.
    """
    with _connection() as conn:
        duration = _interval(conn, spread)
        if dry_run:
            missing = count_missing(conn, client)
            lack = plural(missing, "channel lacks its", "channels lack their")
            out.print(f"📢 {lack} broadcast row; nothing was changed.")
            raise typer.Exit(1 if missing else 0)
        began = time.monotonic()
        with progress.shown() as on_notice:
            result = backfill(conn, batch_size=batch_size, client_id=client, spread=duration, on_notice=on_notice)
        if not err.is_terminal:
            about = {"client_id": client and str(client), "duration_ms": milliseconds_since(began)}
            log.info("backfill.done", **vars(result), **about)
        out.print(
            f"📢 found {result.found}, created {result.created}, "
            f"skipped {result.skipped} (made or deleted by others meanwhile), failed {result.failed}"
        )
        if client is not None:
            table = Table("open channel", "closed channel", "broadcast_id", title=f"client {client}")
            for row in channels_of_client(conn, client):
                table.add_row(row.open_channel_id, row.closed_channel_id, str(row.broadcast_id or "missing"))
            _show(table)
        if result.failed:
            for v in stream_violations(conn, ["channel_without_broadcast"]):
                if client in (None, v.client_id):
                    pair = f"({v.open_channel_id}, {v.closed_channel_id})"
                    err.print(f"missing: client {v.client_id}, pair {pair}", soft_wrap=True)
            err.print(
                "Clients hold these channels, or the creation fails: run it again, then broadcast-manager doctor.",
                soft_wrap=True,
            )
            raise typer.Exit(1)


@app.command()
def api(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
) -> None:
    """Serve the channel API and the dashboard, until Ctrl-C; the settings are environment variables.

    DATABASE_URL as a member of the role broadcast_api; JWT_SECRET_KEY of 32 bytes or more; CORS_ORIGINS.
    For POST /api/broadcast/execute also TELEGRAM_BOT_TOKEN, and WORKER_DATABASE_URL as for worker. With METRICS_PORT
    metrics for Prometheus are served there, on METRICS_HOST or 127.0.0.1.
    Exit code 2: a setting is missing or wrong, or the address cannot be had.
    """
    with _extra("web", "api"):
        from pyapi.metrics import metrics_served, read_metrics_settings
        from pyapi.settings import SettingsInvalid, read_settings
        from pyapi.web.app import create_app
        from pyapi.web.server import web_server
        from pyapi.worker.settings import worker_settings_if_any
    try:
        settings = read_settings()
        application = create_app(settings, worker_settings_if_any())
        # It takes a second: not while others wait for who asks first.
        application.openapi()
        with _listen(host, port) as listener, metrics_served(read_metrics_settings(), settings.database_url):
            address, taken_port = listener.getsockname()[:2]
            log.info("api.listening", address=address, port=taken_port)
            web_server(application).run(sockets=[listener])
    except SettingsInvalid as error:
        _fail(str(error))


@app.command()
def worker(ctx: typer.Context) -> None:
    """Send broadcasts as they fall due, until Ctrl-C or SIGTERM, which it obeys within 10 seconds.

    DATABASE_URL (or WORKER_DATABASE_URL) as a member of the role broadcast_worker; TELEGRAM_BOT_TOKEN.
    METRICS_PORT as for api. Run as many as you like.
    Exit code 2: a setting is missing or wrong, or Telegram does not accept the token.
    """
    with _extra("worker", "worker"):
        from pyapi.metrics import metrics_served, read_metrics_settings
        from pyapi.settings import SettingsInvalid
        from pyapi.worker.loop import run_worker
        from pyapi.worker.settings import read_worker_settings
    try:
        _put_option_first(ctx)
        settings = read_worker_settings()
        with metrics_served(read_metrics_settings(), settings.database_url):
            _telegram_work(run_worker, settings)
    except SettingsInvalid as error:
        _fail(str(error))


@app.command()
def sending(
    switch: Annotated[Switch, typer.Argument(metavar="on|off|status")] = Switch.STATUS,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Why it is off, for other people.")] = None,
) -> None:
    """Have workers send what is due, or nothing more; what they are sending they finish.

    Off at first where the platform's tables were there before: switch it on once their scheduler is stopped, for both
    would send the same. On by itself where the upgrade made the tables.
    Exit code 0: done; status: it is on. 1: status: it is off. 2: it could not look, or may not change it.
    """
    if note is not None and switch is not Switch.OFF:
        _fail("--note says why it is off: broadcast-manager sending off --note TEXT")
    with _connection() as conn:
        if switch is not Switch.STATUS:
            conn.execute(QUERIES["set_sending"], {"sending": switch is Switch.ON, "note": note})
        is_on, why, under_way = conn.execute(QUERIES["sending"]).fetchone() or (False, None, 0)
    said = "Sending is on." if is_on else f"Sending is off. {why}"
    out.print(f"📢 {said} Under way: {under_way}.", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if is_on or switch is not Switch.STATUS else 1)


@app.command(name="send-due")
def send_due(ctx: typer.Context) -> None:
    """Send every broadcast that is due now, once, and tell how it went; the settings are those of worker.

    Ctrl-C and SIGTERM are obeyed within 10 seconds: what is being sent is noted, the rest left to the next round.
    Exit code 0: all went out, or nothing was due. 1: some did not, and are listed, or it was told to stop. 2: it could
    not begin.
    """
    with _extra("worker", "send-due"):
        from pyapi.settings import SettingsInvalid
        from pyapi.worker.loop import run_round
        from pyapi.worker.settings import read_worker_settings
    try:
        _put_option_first(ctx)
        settings = read_worker_settings()
    except SettingsInvalid as error:
        _fail(str(error))
    done = _telegram_work(run_round, settings)
    counts = ", ".join(f"{count} {outcome}" for outcome, count in done.counts().items())
    out.print(f"📢 {plural(len(done.results), 'broadcast')} in {done.seconds:.1f} s{': ' if counts else ''}{counts}")
    missed = [result for result in done.results if result.outcome not in ("sent", "channel_gone")]
    for result in missed:
        err.print(f"{result.outcome}: {result.broadcast_id}: {result.error or ''}", markup=False, soft_wrap=True)
    if done.stopped:
        err.print("Told to stop: what is still due is left to the next round.", soft_wrap=True)
    raise typer.Exit(1 if missed or done.stopped else 0)


def _put_option_first(ctx: typer.Context) -> None:
    # What somebody types now goes before what was set up for workers in general.
    if ctx.meta.get(DATABASE_OPTION):
        os.environ.pop("WORKER_DATABASE_URL", None)


def _listen(host: str, port: int) -> socket.socket:
    from pyapi.web.server import listen

    try:
        return listen(host, port)
    except (OSError, UnicodeError) as error:
        # The latter for what cannot even be asked about, such as a name of 64 letters.
        reason = error.strerror or error if isinstance(error, OSError) else "no name or address of a machine"
        _fail(f"cannot listen on {host}, port {port}: {reason}")


def _telegram_work(
    work: "Callable[[WorkerSettings, asyncio.Event], Coroutine[Any, Any, _T]]", settings: "WorkerSettings"
) -> _T:
    from pyapi.worker.loop import SendingOff, TokenRefused
    from pyapi.worker.telegram import RequestRefused

    async def run_until_signal() -> _T:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        return await work(settings, stop)

    try:
        return asyncio.run(run_until_signal())
    except TokenRefused as error:
        _fail(str(error))
    except SendingOff as error:
        _fail(f"sending is off: {error}")
    except RequestRefused as error:
        _fail(error.refusal.kind.sentence)
    except _NOT_UPGRADED as error:
        _fail(
            f"{error.diag.message_primary}: run broadcast-manager upgrade;"
            " where the database is at head already, broadcast-manager verify names what is missing"
        )
    except psycopg.errors.InsufficientPrivilege as error:
        _fail(
            f"{error.diag.message_primary}: its role must be a member of broadcast_worker;"
            " where the database is older than this release, run broadcast-manager upgrade first"
        )
    except psycopg.Error as error:
        _fail(str(error.diag.message_primary or error).strip())


def _migrate(direction: Literal["upgrade", "downgrade"], revision: str, as_script: bool) -> None:
    with _extra("cli", direction):
        from alembic.util import CommandError
        from sqlalchemy.exc import DBAPIError

        from pyapi.upgrade.run import migrate
    if not revision.strip():
        _fail("name a revision, such as head")
    try:
        migrate(direction, revision, as_script=as_script)
    except CommandError as error:
        cause = error.__cause__
        refused = isinstance(cause, DBAPIError) and isinstance(cause.orig, psycopg.Error) and cause.orig.sqlstate
        _fail(str(error), 1 if refused else WRONG_USE)


@contextmanager
def _extra(name: str, command: str) -> Iterator[None]:
    """Import what belongs to an extra; where it is not installed, one sentence and exit code 2."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("pyapi"):
            raise
        _write_error(f"broadcast-manager {command} needs the extra {name}: pip install 'broadcast-manager[{name}]'")
        raise typer.Exit(WRONG_USE) from None


def _show(table: Table) -> None:
    # Folded where it is narrow, never cut off: a remedy is there to be followed to its end.
    for column in table.columns:
        column.overflow = "fold"
    out.print(table)


@contextmanager
def _connection() -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection to DATABASE_URL; what goes wrong becomes a sentence and exit code 2."""
    try:
        url = database_url()
        with psycopg.connect(url, **connection_options(url, "command")) as conn:
            conn.execute(QUERIES["session_settings"])
            yield conn
    except DatabaseUrlError as error:
        _fail(str(error))
    except psycopg.errors.UndefinedTable as error:
        _fail(f"{error.diag.message_primary}: this database has no channels yet; run broadcast-manager upgrade")
    except _NOT_UPGRADED as error:
        _fail(f"{error.diag.message_primary}: the rule is not installed here; run broadcast-manager upgrade")
    except psycopg.Error as error:
        hint = f" ({error.diag.message_hint})" if error.diag.message_hint else ""
        _fail(f"{error.diag.message_primary or error}{hint}")


def _fail(sentence: str, code: int = WRONG_USE) -> NoReturn:
    _write_error(f"broadcast-manager: {sentence}")
    raise typer.Exit(code)


def _write_error(line: str) -> None:
    err.print(line, markup=False, highlight=False, soft_wrap=True)


def _interval(conn: psycopg.Connection[Any], text: str) -> timedelta:
    # PostgreSQL knows what an interval is; Python needs no parser of its own.
    try:
        # The server judges: the driver reads an interval without end as none.
        row = conn.execute(
            "SELECT i.span, isfinite(i.span) AND i.span >= '0' FROM (SELECT CAST(%s AS interval) AS span) AS i", [text]
        ).fetchone()
    except (psycopg.errors.DataError, UnicodeEncodeError):
        _fail(f"--spread: {text!r} is no interval; say for example '6 hours'")
    value, usable = row or (timedelta(), False)
    if not isinstance(value, timedelta) or not usable:
        _fail(f"--spread: {text!r} lies in the past or never ends; say for example '6 hours'")
    return value
