"""The installed PgBouncer, in transaction mode before a database of the tests."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from tools import databases
from tools.telegram import until

HOW_TO_GET_ONE = "Debian: apt-get install pgbouncer"
# Fewer than clients, so that each meets what the others leave behind.
SERVER_CONNECTIONS = 2
_PORT = 6432


def find_pgbouncer() -> str | None:
    """Path of the program, None where it is not installed."""
    # Debian keeps it where only root's PATH leads.
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def running_pgbouncer(database_url: str, roles: Mapping[str, str]) -> Iterator[Callable[[str], str]]:
    """Run it on a Unix socket of its own, before the server of this database.

    Args:
        database_url: of the server's databases any one.
        roles: passwords of those who may use it, by name.

    Yields:
        The URL of that database through it, as a role.
    """
    place = conninfo_to_dict(database_url)
    folder = Path(tempfile.mkdtemp(prefix="broadcast-manager-pgbouncer-"))
    try:
        (folder / "users").write_text("".join(f'"{role}" "{password}"\n' for role, password in roles.items()))
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={place['host']} port={place['port']}\n[pgbouncer]\npool_mode = transaction\n"
            f"default_pool_size = {SERVER_CONNECTIONS}\nlisten_port = {_PORT}\nunix_socket_dir = {folder}\n"
            f"auth_type = trust\nauth_file = {folder / 'users'}\n"
        )
        # It refuses to run as root; whoever runs the server may use its socket.
        socket = Path(str(place["host"]))
        user: int | str | None = None
        if os.geteuid() == 0:
            user = socket.stat().st_uid if socket.is_absolute() else "nobody"
            shutil.chown(folder, user)
        name = databases.name_of(database_url)

        def url(role: str) -> str:
            return f"postgresql://{quote(role)}@/{quote(name)}?host={quote(str(folder))}&port={_PORT}"

        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [find_pgbouncer() or "pgbouncer", folder / "pgbouncer.ini"],
                user=user,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            until(lambda: process.poll() is not None or _answers(url(next(iter(roles)))), "PgBouncer answers")
            assert process.poll() is None, (folder / "log").read_text()
            yield url
        finally:
            process.kill()
            process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    with suppress(psycopg.OperationalError), databases.connect(url):
        return True
    return False
