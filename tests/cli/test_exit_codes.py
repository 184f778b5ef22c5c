"""Exit code 1 means findings, and nothing else does: not a full disk, a closed pipe, or a terminal of few letters."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import pytest

from tools import databases

COMMAND = [str(Path(sys.executable).with_name("broadcast-manager"))]


def run(url: str, *arguments: str, tail: str = "", **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run a command; tail is what a shell adds to it, such as a pipe."""
    return subprocess.run(
        ["bash", "-c", f'"$@" {tail}', "bash", *COMMAND, *arguments],
        env=os.environ | {"DATABASE_URL": url} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def broken(database: str) -> str:
    """A database with two findings."""
    with databases.connect(database) as conn:
        conn.execute("ALTER TABLE broadcast_manager DISABLE TRIGGER USER")
    return database


@pytest.mark.parametrize("command", ["verify", "doctor"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "ascii:strict"])
def test_an_output_that_can_not_take_every_letter_changes_no_exit_code(
    database: str, command: str, encoding: str
) -> None:
    done = run(database, command, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr, done.stdout[:2]) == (0, "", "? ")


@pytest.mark.parametrize("command", ["verify", "doctor", "backfill"])
@pytest.mark.parametrize("fixture", ["database", "broken"])
def test_a_full_disk_is_told_and_is_no_finding(request: pytest.FixtureRequest, fixture: str, command: str) -> None:
    done = run(request.getfixturevalue(fixture), command, tail="> /dev/full")
    # backfill logs what it did, too.
    *_, last = done.stderr.splitlines()
    assert (done.returncode, last) == (2, "broadcast-manager: cannot write or read: No space left on device")


@pytest.mark.parametrize("command", [["verify"], ["verify", "--json"], ["doctor"]], ids=" ".join)
def test_a_closed_pipe_is_no_finding(broken: str, command: list[str]) -> None:
    done = run(broken, *command, tail="| true; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (2, "")


@pytest.mark.parametrize(("fixture", "code"), [("database", 0), ("broken", 1)])
def test_without_an_output_the_exit_code_tells(request: pytest.FixtureRequest, fixture: str, code: int) -> None:
    url = request.getfixturevalue(fixture)
    assert run(url, "verify", tail=">&-").returncode == code
    assert run(url, "verify", tail=">&- 2>&-").returncode == code


def test_a_missing_folder_of_metrics_is_no_finding(database: str) -> None:
    done = run(database, "verify", PROMETHEUS_MULTIPROC_DIR="/nonexistent")
    assert (done.returncode, done.stderr) == (0, "")
    done = run(database, "api", PROMETHEUS_MULTIPROC_DIR="/nonexistent", METRICS_PORT="0", JWT_SECRET_KEY="x" * 32)
    assert done.returncode == 2


def test_a_mistake_of_the_program_is_no_finding(database: str) -> None:
    # A later release may have given the rows of the view another shape.
    script = "from pyapi import cli; cli.violation_examples = None; cli.app()"
    done = subprocess.run(
        [sys.executable, "-c", script, "verify"],
        env=os.environ | {"DATABASE_URL": database},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "TypeError" in done.stderr


# On a terminal


def on_a_terminal(url: str, *arguments: str, answer: str = "", columns: int = 80) -> tuple[int, list[str]]:
    """Run a command on a terminal of so many columns; gives exit code and lines."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment: dict[str, Any] = os.environ | {"DATABASE_URL": url, "TERM": "dumb"}
    for name in ("COLUMNS", "LINES"):
        environment.pop(name, None)
    with subprocess.Popen([*COMMAND, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        if answer:
            os.write(ours, answer.encode())
        said = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:
                break
            if not part:
                break
            said += part
        os.close(ours)
        child.wait()
    return child.returncode, said.decode().replace("\r", "").split("\n")


PAIR = ("-1003268562225", "-1003253338212")


@pytest.fixture
def misfit(database: str, superuser: Any) -> tuple[str, str, str, str]:
    """A database where a channel and its row belong to two clients; the two, and the row's id."""
    with databases.connect(superuser(database)) as boss:
        owner, other = databases.add_user(boss), databases.add_user(boss)
        databases.add_channel(boss, owner, *PAIR)
        boss.execute("SET session_replication_role = replica")
        row = boss.execute("UPDATE broadcast_manager SET client_id = %s RETURNING id::text", [other]).fetchone()
        boss.execute("DROP INDEX broadcast_manager_pair_key CASCADE")
    assert row is not None
    return database, str(owner), str(other), row[0]


def test_80_columns_hold_what_verify_and_doctor_find_with_every_id_whole(misfit: tuple[str, str, str, str]) -> None:
    url, owner, other, broadcast_id = misfit
    code, lines = on_a_terminal(url, "verify")
    assert code == 1
    assert max(map(len, lines)) <= 80
    for whole in (f"({PAIR[0]}, {PAIR[1]})  client {owner}", other, f"broadcast {broadcast_id}"):
        assert [line for line in lines if whole in line], lines
    code, lines = on_a_terminal(url, "doctor")
    assert code == 1
    # A name that is longer than a line stays whole.
    assert [line for line in lines if len(line) > 80 and " " in line.strip()] == []
    assert [line for line in lines if "main_clients_database_pair_fkey" in line]


def test_80_columns_hold_what_backfill_lists_with_every_id_whole(misfit: tuple[str, str, str, str]) -> None:
    url, owner, _, broadcast_id = misfit
    _, lines = on_a_terminal(url, "backfill", "--client", owner)
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if all(part in line for part in (*PAIR, broadcast_id))], lines


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_downgrade_on_a_terminal_asks_first(database: str, answer: str) -> None:
    code, lines = on_a_terminal(database, "downgrade", "base", answer=answer)
    assert (code, [line for line in lines if "nothing was changed" in line] != []) == (2, True)
    with databases.connect(database) as conn:
        assert conn.execute("SELECT to_regclass('broadcast.settings') IS NOT NULL").fetchone() == (True,)


@pytest.mark.parametrize(("options", "answer"), [([], "y\n"), (["--yes"], "")])
def test_downgrade_on_a_terminal_goes_on_when_told(database: str, options: list[str], answer: str) -> None:
    code, lines = on_a_terminal(database, "downgrade", "base", *options, answer=answer)
    assert code == 0, lines
    with databases.connect(database) as conn:
        assert conn.execute("SELECT to_regclass('broadcast.settings')").fetchone() == (None,)
