"""The PostgreSQL that the tests run on: pick one, say which, run it."""

import argparse
import gc
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import psycopg

from demo.embedded import (
    EmbeddedServerError,
    embedded_server,
    server_binaries,
    server_version,
)

KINDS = ("url", "testcontainers", "embedded", "system")
DEFAULT_IMAGE = "postgres:15"


class ServerMissing(Exception):
    """The server asked for is not to be had; the message says what to do."""


class Server(NamedTuple):
    """A server that was found: what it is, and how to run it (gives a superuser's libpq URL)."""

    kind: str
    name: str
    run: Callable[[], AbstractContextManager[str]]


def pick(forced: str | None = None) -> Server:
    """Find a server, in the order url, testcontainers, embedded; `forced` allows only that kind.

    Embedded and system ones run without fsync.

    Raises:
        ServerMissing: there is none, or not the one that was forced.
    """
    if forced is not None:
        return _FINDERS[forced]()
    # A URL that is set but wrong is a mistake to be told, never a reason to try the next kind.
    if os.environ.get("TEST_DATABASE_URL"):
        return _find_url()
    reasons = []
    for find in (_find_testcontainers, _find_embedded):
        try:
            return find()
        except ServerMissing as missing:
            reasons.append(str(missing))
    raise ServerMissing("no PostgreSQL to test on: set TEST_DATABASE_URL, or mend one of these: " + "; ".join(reasons))


def _find_url() -> Server:
    url = os.environ.get("TEST_DATABASE_URL", "")
    if not url:
        raise ServerMissing("TEST_DATABASE_URL is not set, and --pg=url needs it")
    url = "postgresql://" + url.partition("://")[2]
    try:
        with psycopg.connect(url, connect_timeout=10) as conn:
            row = conn.execute(
                "SELECT rolsuper, current_setting('server_version') FROM pg_roles WHERE rolname = current_user"
            ).fetchone()
    except psycopg.Error as error:
        raise ServerMissing(f"TEST_DATABASE_URL does not answer: {str(error).strip()}") from error
    if row is None or not row[0]:
        raise ServerMissing("TEST_DATABASE_URL must name a superuser: the tests make databases")

    @contextmanager
    def run() -> Iterator[str]:
        yield url

    place = urlsplit(url).netloc.rpartition("@")[2] or "a local socket"
    return Server("url", f"TEST_DATABASE_URL at {place}, PostgreSQL {row[1]}", run)


def _find_testcontainers() -> Server:
    image = os.environ.get("TEST_POSTGRES_IMAGE", DEFAULT_IMAGE)
    if missing := _why_docker_is_missing():
        # Where nobody answers the library leaves its socket to the collector, which would tell of it whenever it comes.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
        raise ServerMissing(missing)

    @contextmanager
    def run() -> Iterator[str]:
        from testcontainers.community.postgres import PostgresContainer

        try:
            # Not start(): that leaves behind a container which came up and never got ready.
            container = PostgresContainer(image, driver=None).__enter__()
        except Exception as error:  # whatever Docker says, the reader wants one sentence
            raise ServerMissing(f"the container of {image} did not start: {error}") from error
        try:
            yield container.get_connection_url()
        finally:
            container.stop()

    return Server("testcontainers", f"testcontainers, image {image}", run)


def _why_docker_is_missing() -> str | None:
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        return "testcontainers is not installed: make install"
    try:
        client = docker.from_env(timeout=5)
        try:
            client.ping()
        finally:
            client.close()
    except DockerException as error:
        return f"no Docker daemon answers: {error}"
    return None


def _find_embedded() -> Server:
    try:
        name = f"embedded, PostgreSQL {server_version()}"
    except EmbeddedServerError as error:
        raise ServerMissing(str(error)) from error

    @contextmanager
    def run() -> Iterator[str]:
        try:
            server = embedded_server(fast=True)
            url = server.__enter__()
        except EmbeddedServerError as error:
            raise ServerMissing(str(error)) from error
        try:
            yield url
        finally:
            server.__exit__(None, None, None)

    return Server("embedded", name, run)


def _find_system() -> Server:
    binaries = system_binaries()
    if binaries is None:
        raise ServerMissing(
            "no PostgreSQL is installed here (no initdb where pg_config --bindir points,"
            " none in /usr/lib/postgresql), and --pg=system needs one"
        )
    version = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()

    @contextmanager
    def run() -> Iterator[str]:
        with system_server(binaries) as url:
            yield url

    return Server("system", f"system, {version}", run)


def system_binaries() -> Path | None:
    """Tell the folder of the installed PostgreSQL's programs; None where none is installed."""
    candidates = []
    if shutil.which("pg_config"):
        told = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(Path(told.stdout.strip()))
    installed = [path for path in Path("/usr/lib/postgresql").glob("*/bin")]
    candidates += sorted(installed, key=lambda path: float(path.parent.name), reverse=True)
    return next((path for path in candidates if (path / "initdb").exists()), None)


@contextmanager
def system_server(binaries: Path, *, fast: bool = True) -> Iterator[str]:
    """Run an installed PostgreSQL on a temporary folder and give a superuser's URL; `fast` switches fsync off."""
    user = _server_user()
    folder = Path(tempfile.mkdtemp(prefix="broadcast-manager-system-"))
    try:
        data = folder / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            folder.chmod(0o755)
            os.chown(data, user, -1)
        run_program(
            user,
            *(binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust"),
            *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
        )
        options = f"-k {data} -c listen_addresses= -c port=5432"
        if fast:
            options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        control = (binaries / "pg_ctl", "-w", "-D", data)
        run_program(user, *control, "-l", data / "log", "-o", options, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={quote(str(data))}&port=5432"
        finally:
            run_program(user, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _server_user() -> int | None:
    # PostgreSQL refuses to run as root.
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_uid
    except KeyError as error:
        raise ServerMissing("the installed PostgreSQL cannot run as root, and there is no user postgres") from error


def parse_run(parser: argparse.ArgumentParser) -> tuple[argparse.Namespace, Server]:
    """Read the arguments of a run that is repeated by its seed, with --pg and --seed; pick the server, print both."""
    parser.add_argument("--pg", choices=KINDS, help="the kind of server, as for the tests")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="repeats a run")
    arguments = parser.parse_args()
    server = pick(arguments.pg)
    print(f"{server.name}, --seed={arguments.seed}", flush=True)
    return arguments, server


def run_program(user: int | None, *command: str | Path) -> None:
    """Run a program of PostgreSQL as this user of the system, None for our own.

    Raises:
        ServerMissing: it failed; the message has its output.
    """
    # Output goes to a file: a pipe would stay open as long as the server lives.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command,
            user=user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode != 0:
            output.seek(0)
            raise ServerMissing(f"{Path(command[0]).name} failed: {output.read().strip()}")


_FINDERS: dict[str, Callable[[], Server]] = {
    "url": _find_url,
    "testcontainers": _find_testcontainers,
    "embedded": _find_embedded,
    "system": _find_system,
}


def client_binaries(server: Server) -> Path | None:
    """Tell where psql and pg_dump are: the embedded package's, the system's, or None."""
    if server.kind != "embedded" and (system := system_binaries()) is not None:
        return system
    try:
        return server_binaries()
    except EmbeddedServerError:
        return None
