"""A command needs what it runs, and says which extra is missing."""

import subprocess
import sys

import pytest

from tools import databases

WEB = ("fastapi", "uvicorn", "starlette", "jinja2", "jwt", "bcrypt", "limits")
WORKER = ("telegram", "httpx")
BOTH = ("prometheus_client", "psycopg_pool", "pydantic_settings")


def run_without(modules: tuple[str, ...], *arguments: str, url: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a process where these modules cannot be imported."""
    script = f"import sys; sys.modules.update(dict.fromkeys({modules!r})); from pyapi.cli import app; app()"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={"DATABASE_URL": url},
        cwd=databases.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", ["verify", "doctor", "backfill"])
def test_checks_need_neither_web_nor_worker_nor_alembic(database: str, command: str) -> None:
    done = run_without((*WEB, *WORKER, *BOTH, "alembic"), command, url=database)
    assert done.returncode == 0, done.stderr


def test_upgrade_needs_neither_web_nor_worker(database: str) -> None:
    done = run_without((*WEB, *WORKER, *BOTH), "upgrade", url=database)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        (["api"], "fastapi", "web"),
        (["worker"], "telegram", "worker"),
        (["send-due"], "telegram", "worker"),
        (["upgrade"], "alembic", "cli"),
        (["downgrade", "base"], "alembic", "cli"),
    ],
)
def test_command_names_the_extra_that_is_missing(command: list[str], module: str, extra: str) -> None:
    done = run_without((module,), *command)
    sentence = f"broadcast-manager {command[0]} needs the extra {extra}: pip install 'broadcast-manager[{extra}]'\n"
    assert (done.returncode, done.stderr) == (2, sentence)


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_command_line_without_its_extra_says_so(module: str) -> None:
    done = run_without((module,), "verify")
    sentence = "broadcast-manager needs the extra cli: pip install 'broadcast-manager[cli]'\n"
    assert (done.returncode, done.stderr) == (2, sentence)
