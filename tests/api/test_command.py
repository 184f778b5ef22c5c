"""broadcast-manager api, as an operator starts and stops it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from pyapi.web.server import listen
from tests.api.calls import SECRET, Person, World, bearer, log_in
from tools.databases import ROOT

_PORT = re.compile(r'"port": (\d+)')


@contextmanager
def command(*arguments: str, **environment: str | None) -> Iterator[subprocess.Popen[str]]:
    """Run broadcast-manager api; variables that are None are not set."""
    ours = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "JWT_SECRET_KEY", "CORS_ORIGINS")}
    process = subprocess.Popen(
        [sys.executable, "-c", "from pyapi.cli import app; app()", "api", *arguments],
        env={**ours, **{k: v for k, v in environment.items() if v is not None}},
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    # Whatever is waited for below, it ends.
    limit = threading.Timer(60, process.kill)
    limit.start()
    try:
        yield process
    finally:
        limit.cancel()
        process.kill()
        process.communicate()


def test_the_command_serves_until_ctrl_c_and_logs_no_secret(world: World, person: Person) -> None:
    settings = {"DATABASE_URL": world.settings.database_url, "JWT_SECRET_KEY": SECRET}
    with command("--port", "0", **settings) as process:
        assert process.stderr is not None
        log = []
        for line in process.stderr:
            log.append(line)
            if found := _PORT.search(line):
                break
        else:
            pytest.fail("".join(log))
        url = f"http://127.0.0.1:{found.group(1)}"
        with httpx.Client(base_url=url, timeout=30) as http:
            assert http.get("/api/health").json()["status"] == "healthy"
            tokens = log_in(http, person.username).json()
            assert http.get("/api/channels", headers=bearer(tokens["access_token"])).status_code == 200
            assert http.get("/docs").status_code == 200
        process.send_signal(signal.SIGINT)
        log.append(process.communicate(timeout=60)[1])
    text = "".join(log)
    assert "Traceback" not in text
    for secret in (SECRET, "test-only", tokens["access_token"], tokens["refresh_token"], "correct horse"):
        assert secret not in text


@pytest.mark.parametrize(
    ("url", "secret", "sentence"),
    [
        (None, SECRET, "DATABASE_URL is not set"),
        ("mysql://api:very-secret@somewhere/db", SECRET, "must begin with postgresql://"),
        ("postgresql://nobody@127.0.0.1:1/nowhere", None, "JWT_SECRET_KEY is not set"),
        ("postgresql://nobody@127.0.0.1:1/nowhere", "very-secret", "JWT_SECRET_KEY is too short"),
    ],
    ids=["no database", "another database", "no secret", "short secret"],
)
def test_a_missing_or_wrong_setting_ends_it_with_2_and_a_sentence(
    url: str | None, secret: str | None, sentence: str
) -> None:
    with command(DATABASE_URL=url, JWT_SECRET_KEY=secret) as process:
        error = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert error.startswith("broadcast-manager: ")
    assert error.count("\n") == 1
    assert sentence in error
    assert "very-secret" not in error


def test_a_port_that_is_taken_ends_it_with_2_and_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with command("--port", port, DATABASE_URL="postgresql://x@127.0.0.1:1/x", JWT_SECRET_KEY=SECRET) as process:
            error = process.communicate(timeout=60)[1]
    assert process.returncode == 2
    assert error.startswith(f"broadcast-manager: cannot listen on 127.0.0.1, port {port}")


def test_answers_are_not_held_back_by_nagles_algorithm() -> None:
    # asyncio asks for TCP_NODELAY only on sockets whose protocol is named.
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
