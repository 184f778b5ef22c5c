"""Everything at once, to look at and to try: `python -m demo.serve [FOLDER]` in a checkout.

A PostgreSQL (embedded, kept in FOLDER, .pgdata-serve without it; or DATABASE_URL), `alembic upgrade head`, demo data
where the tables were made just now, API and dashboard on http://127.0.0.1:8080 (PORT takes another), and a worker that
sends: by the bot of TELEGRAM_BOT_TOKEN, or to a stand-in for Telegram whose page shows what was sent. The stand-in is
for the embedded database only: in somebody's own it would mark as sent what nobody got.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, TextIO
from urllib.parse import quote

import bcrypt
import psycopg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from psycopg import sql
from psycopg.rows import dict_row
from sqlalchemy.exc import DBAPIError

from pyapi import logs
from pyapi.database_url import DatabaseUrlError, connection_options, database_url
from pyapi.metrics import MetricsSettings, metrics_served, read_metrics_settings
from pyapi.queries import QUERIES
from pyapi.settings import Settings, SettingsInvalid, read_settings
from pyapi.web.app import create_app
from pyapi.web.server import WebServer, listen, web_server
from pyapi.worker.settings import worker_settings_if_any

from .embedded import EmbeddedServerError, embedded_server

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / ".pgdata-serve"
HOST = "127.0.0.1"
DEFAULT_PORT = 8080
OWNER = "paygateprime"
DATABASE = "telepaypsql"
API_ROLE = "paygateprime_api"
WORKER_ROLE = "paygateprime_worker"
DEMO_USERS = ("mara.kessler", "operator")
DEMO_PASSWORD = "try-it-out"  # noqa: S105

WRONG_USE = 2


class ServeError(Exception):
    """It cannot start; the message is for the person who started it."""


class WorkerEnded(Exception):
    """The worker ended by itself; the message is for the person who started it."""


@dataclass(frozen=True)
class Place:
    """Where the tables are: as their owner, as API and worker connect; the folder that is ours, if any."""

    owner_url: str
    api_url: str
    worker_url: str
    folder: Path | None


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        arguments: the folder to keep the embedded server's data in, or nothing.

    Returns:
        The exit code: 0 when it was stopped, 1 when it could not go on, 2 for wrong use, as a port that is taken.
    """
    try:
        # A terminated server cleans up like an interrupted one; uvicorn gives the signal back to this handler. The
        # Makefile has the interrupt ignored for as long as Python imports.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        logs.configure()
        serve(_port(), Path(arguments[0]) if arguments else DATA)
    except KeyboardInterrupt:
        _say("\nStopped.")
    except (DatabaseUrlError, ServeError, SettingsInvalid) as error:
        _say(str(error), sys.stderr)
        return WRONG_USE
    except (CommandError, DBAPIError, EmbeddedServerError, WorkerEnded, psycopg.Error) as error:
        _say(str(error).strip(), sys.stderr)
        return 1
    return 0


def serve(port: int, folder: Path) -> None:
    """Start everything, say where it is, and serve.

    Args:
        port: of 127.0.0.1; 0 takes a free one.
        folder: where an embedded server keeps its data.

    Raises:
        ServeError: there is no checkout around, the port is taken, or there is none after METRICS_PORT.
        DatabaseUrlError, SettingsInvalid: DATABASE_URL, JWT_SECRET_KEY or a setting of the metrics cannot be used.
        WorkerEnded: the worker did.
        EmbeddedServerError: the embedded PostgreSQL did not start.
        CommandError, sqlalchemy.exc.DBAPIError, psycopg.Error: the database refused.
        KeyboardInterrupt: it was stopped.
    """
    if not (ROOT / "alembic.ini").exists() or not (ROOT / "demo" / "dashboard.sql").exists():
        raise ServeError("demo.serve needs the project's checkout around it; elsewhere: broadcast-manager api")
    metrics = _metrics_settings()
    # Before anything else starts, so that a taken port leaves nothing behind.
    with _listening(port) as listener, _database(folder) as place:
        demo_users = _upgrade_and_fill(place)
        settings = _settings(place)
        with _telegram(place) as telegram_url, metrics_served(metrics, settings.database_url):
            app = create_app(settings, worker_settings_if_any())

            def tell() -> None:
                _print_addresses(listener.getsockname()[1], telegram_url, demo_users)

            server = web_server(app, on_started=tell)
            with _worker(place, metrics, server):
                server.run(sockets=[listener])


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    try:
        listener = listen(HOST, port)
    except OSError as error:
        raise ServeError(
            f"Port {port} of {HOST} cannot be used ({os.strerror(error.errno or 0)}): stop what listens there,"
            f" or take another one: PORT={port + 1 if port < 65535 else DEFAULT_PORT} make serve"
        ) from error
    with listener:
        yield listener


@contextmanager
def _database(folder: Path) -> Iterator[Place]:
    if os.environ.get("DATABASE_URL", "").strip():
        url = database_url()
        yield Place(url, url, url, None)
        return
    _say(f"Starting PostgreSQL in {folder.name} …")
    with embedded_server(folder) as superuser_url, psycopg.connect(superuser_url, autocommit=True) as conn:
        _make_role(conn, OWNER, "LOGIN CREATEROLE")
        _make_role(conn, API_ROLE, "LOGIN")
        _make_role(conn, WORKER_ROLE, "LOGIN")
        if conn.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            conn.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                    sql.Identifier(DATABASE), sql.Identifier(OWNER)
                )
            )
        place = f"@/{DATABASE}?host={quote(conn.info.host, safe='')}&port={conn.info.port}"
        owner_url, api_url, worker_url = (f"postgresql://{role}{place}" for role in (OWNER, API_ROLE, WORKER_ROLE))
        yield Place(owner_url, api_url, worker_url, folder)


def _make_role(conn: psycopg.Connection[Any], role: str, options: LiteralString) -> None:
    if conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        conn.execute(sql.SQL("CREATE ROLE {} {}").format(sql.Identifier(role), sql.SQL(options)))


def _upgrade_and_fill(place: Place) -> list[str]:
    with psycopg.connect(place.owner_url, **connection_options(place.owner_url, "serve")) as conn:
        made_now = conn.execute(QUERIES["has_users_table"]).fetchone() is None
        config = Config(ROOT / "alembic.ini")
        config.attributes["url"] = place.owner_url
        command.upgrade(config, "head")
        # A folder of ours may come from a start that was interrupted.
        if made_now or (place.folder and conn.execute(QUERIES["any_user"]).fetchone() is None):
            with conn.transaction():
                _fill(conn)
        if place.folder:
            conn.execute(sql.SQL("GRANT broadcast_api TO {}").format(sql.Identifier(API_ROLE)))
            conn.execute(sql.SQL("GRANT broadcast_worker TO {}").format(sql.Identifier(WORKER_ROLE)))
        return [user for user in DEMO_USERS if _has_demo_password(conn, user)]


def _fill(conn: psycopg.Connection[Any]) -> None:
    password_hash = bcrypt.hashpw(DEMO_PASSWORD.encode(), bcrypt.gensalt()).decode()
    conn.execute("SELECT set_config('demo.password_hash', %s, TRUE)", [password_hash])
    conn.execute((ROOT / "demo" / "dashboard.sql").read_bytes())


def _has_demo_password(conn: psycopg.Connection[Any], user: str) -> bool:
    # Nothing else tells, and nothing else has to: it is not told where somebody has changed it.
    with conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(QUERIES["password_hash_of"], {"username": user}).fetchone()
    try:
        return row is not None and bcrypt.checkpw(DEMO_PASSWORD.encode(), str(row["password_hash"]).encode())
    except ValueError:
        return False


@contextmanager
def _telegram(place: Place) -> Iterator[str | None]:
    """The stand-in's address, None where there is none."""
    if place.folder is None or os.environ.get("TELEGRAM_BOT_TOKEN"):
        yield None
        return
    # In a checkout only, as serve() has made sure.
    from tools.bot_api.server import TOKEN, running

    with running() as url:
        os.environ |= {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_BASE_URL": url}
        yield url


@contextmanager
def _worker(place: Place, metrics: MetricsSettings, server: WebServer) -> Iterator[None]:
    """A worker, which takes the server with it where it ends by itself.

    Raises:
        WorkerEnded: it did.
    """
    if not os.environ.get("TELEGRAM_BOT_TOKEN"):
        yield
        return
    os.environ["WORKER_DATABASE_URL"] = place.worker_url
    # Ctrl-C in a terminal is for this process alone; SIGTERM ends a worker silently that is still importing.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    with subprocess.Popen(
        [sys.executable, "-c", "from pyapi.cli import app; app()", "worker"],
        env=os.environ | {"METRICS_PORT": str(metrics.metrics_port and metrics.metrics_port + 1)},
    ) as process:

        def watch() -> None:
            process.wait()
            server.should_exit = True

        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            threading.Thread(target=watch, daemon=True).start()
            yield
            if process.poll() is not None:
                raise WorkerEnded(
                    f"The worker has ended (exit code {process.returncode}; above it says why): nothing would be sent."
                )
        finally:
            process.terminate()


def _metrics_settings() -> MetricsSettings:
    # On by itself, on any free port, which the log tells; the worker takes the one after METRICS_PORT.
    os.environ["METRICS_PORT"] = os.environ.get("METRICS_PORT") or "0"
    settings = read_metrics_settings()
    if settings.metrics_port == 65535:
        raise ServeError("METRICS_PORT must leave a port for the worker, the one after it: 65534 at most")
    return settings


def _settings(place: Place) -> Settings:
    os.environ["DATABASE_URL"] = place.api_url
    if not os.environ.get("JWT_SECRET_KEY"):
        os.environ["JWT_SECRET_KEY"] = _kept_secret(place.folder) if place.folder else secrets.token_hex(32)
    return read_settings()


def _kept_secret(folder: Path) -> str:
    # Kept, so that who is signed in stays so over a restart.
    path = folder / "jwt_secret_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text()


def _print_addresses(port: int, telegram_url: str | None, demo_users: list[str]) -> None:
    _say(f"\nDashboard:  http://{HOST}:{port}/")
    _say(f"API:        http://{HOST}:{port}/docs")
    if telegram_url:
        _say(f"Telegram:   {telegram_url}/ (a stand-in: shows what was sent)")
    for user in demo_users:
        _say(f"Demo login: {user} / {DEMO_PASSWORD}")
    _say("Ctrl-C stops everything.\n")


def _port() -> int:
    value = os.environ.get("PORT", "").strip() or str(DEFAULT_PORT)
    if not value.isdecimal() or int(value) > 65535:
        raise ServeError("PORT must be a number from 0 to 65535 (0: any that is free)")
    return int(value)


def _say(text: str, stream: TextIO = sys.stdout) -> None:
    stream.write(text + "\n")
    stream.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
