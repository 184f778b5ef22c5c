"""`make serve`: one command that starts everything, stops everything, and finds what was there."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from demo.serve import DEMO_PASSWORD, DEMO_USERS
from tests.dashboard.test_events import listening
from tests.dashboard.visitor import channel_form, inputs_of, log_in
from tools.databases import ROOT, add_user, connect
from tools.serving import serving
from tools.telegram import Telegram, until

CLIENT = "7e1018e4-5644-4031-a05c-4166cc877264"


def test_second_start_finds_what_was_there(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (url, said), httpx.Client(base_url=url, timeout=30) as http:
        assert [f"Demo login: {user} / {DEMO_PASSWORD}\n" in said for user in DEMO_USERS] == [True, True]
        assert log_in(http, "mara.kessler", DEMO_PASSWORD).status_code == 303
        page = http.get("/").text
        for shown in ("4 of 10 channels", "Sent", "Failed", "Switched off after 5 failures", "Scheduled"):
            assert shown in page
        form = channel_form(open_channel_title="Kept over a restart")
        assert http.post("/channels/new", data=form).status_code == 303
        cookies = http.cookies
    assert not (tmp_path / "data" / "cluster" / "postmaster.pid").exists()
    with serving(tmp_path / "data") as (url, said), httpx.Client(base_url=url, cookies=cookies, timeout=30) as http:
        assert "5 of 10 channels" in http.get("/").text
        assert "Kept over a restart" in http.get("/").text
        me = http.post("/api/auth/login", json={"username": "mara.kessler", "password": DEMO_PASSWORD}).json()
        assert me["user_id"] == CLIENT
        http.post("/logout", data={"sent": "yes"})
        log_in(http, "operator", DEMO_PASSWORD)
        report = http.get("/operator").text
        assert "Nothing breaks the rule." in report
        assert "says what this release says" in report


def test_resend_puts_both_messages_into_the_stand_in_for_telegram(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as (url, said), httpx.Client(base_url=url, timeout=30) as http:
        address = re.search(r"Telegram: +(\S+)/", "".join(said))
        assert address, said
        log_in(http, "mara.kessler", DEMO_PASSWORD)
        pair = "/channels/-1003268562225/-1003253338212"
        sent = http.post(f"{pair}/resend", data=inputs_of(http.get(f"{pair}/resend")))
        assert sent.status_code == 303
        telegram = Telegram(address[1])
        with telegram.http:
            until(
                lambda: len(telegram.messages("-1003268562225")) == len(telegram.messages("-1003253338212")) == 1, "two"
            )
        until(lambda: "<dd>42</dd>" in http.get("/").text, "the dashboard counts it")


def test_five_refusals_switch_off_with_the_reason_and_a_way_back(tmp_path: Path) -> None:
    with (
        serving(tmp_path / "data", WORKER_POLL_SECONDS="0.2") as (url, said),
        httpx.Client(base_url=url, timeout=30) as http,
        connect(superuser_url(tmp_path / "data")) as conn,
    ):
        conn.execute("UPDATE broadcast.settings SET retry_pause = '10 ms', max_retry_pause = '10 ms'")
        address = re.search(r"Telegram: +(\S+)/", "".join(said))
        assert address, said
        telegram = Telegram(address[1])
        with telegram.http:
            telegram.order("kicked", method="sendMessage", chat_id="-1003344198027", count=5)
            log_in(http, "mara.kessler", DEMO_PASSWORD)
            pair = "/channels/-1003344198027/-1003360512984"
            http.post(f"{pair}/resend", data=inputs_of(http.get(f"{pair}/resend")))
            # One of the demo's channels is switched off already.
            until(
                lambda: http.get("/").text.count("Switched off after 5 failures in a row.") == 2, "it is switched off"
            )
            assert "bot was kicked from the channel chat" in http.get("/").text
            assert telegram.messages("-1003344198027") == []
            query = "SELECT id::text FROM public.broadcast_manager WHERE open_channel_id = '-1003344198027'"
            ((broadcast_id,),) = conn.execute(query).fetchall()
            conn.execute("UPDATE broadcast.settings SET manual_trigger_interval = '0'")
            now = {"broadcast_id": broadcast_id, "first_send": "now"}
            assert http.post(f"{pair}/reactivate", data=now).status_code == 303
            until(lambda: len(telegram.messages("-1003344198027")) == 1, "it is sent after all")
        until(lambda: http.get("/").text.count("Switched off after 5 failures in a row.") == 1, "it is on again")


def test_start_after_one_that_was_interrupted_fills_in_the_demo_data(tmp_path: Path) -> None:
    with serving(tmp_path / "data"), connect(superuser_url(tmp_path / "data")) as conn:
        conn.execute("DELETE FROM public.registered_users")
    with serving(tmp_path / "data") as (_, said):
        assert [line for line in said if "Demo login" in line]


def test_open_dashboard_does_not_keep_it_from_stopping(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with serving(tmp_path / "data") as (url, _):
            http = stack.enter_context(httpx.Client(base_url=url, timeout=30))
            log_in(http, "mara.kessler", DEMO_PASSWORD)
            events = stack.enter_context(listening(http))
        # It has stopped. The stream has an end; a cut one would raise here.
        assert list(events) == []


def test_database_of_ones_own_gets_no_demo_data(tmp_path: Path, old_database: str) -> None:
    with connect(old_database) as conn:
        add_user(conn)
        with serving(tmp_path / "unused", DATABASE_URL=old_database) as (url, said):
            assert not [line for line in said if "Demo login" in line]
            assert httpx.get(f"{url}/login").status_code == 200
        assert conn.execute("SELECT count(*) FROM public.registered_users").fetchone() == (1,)
        assert conn.execute("SELECT to_regclass('broadcast.settings') IS NOT NULL").fetchone() == (True,)
    assert not (tmp_path / "unused").exists()


def superuser_url(folder: Path) -> str:
    """The database of the server that runs in a folder."""
    lines = (folder / "cluster" / "postmaster.pid").read_text().splitlines()
    return f"postgresql://postgres@/telepaypsql?host={quote(lines[4])}&port={lines[3]}"


def run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it where it ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "demo.serve", str(folder)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_port_that_is_taken_is_told_and_nothing_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(tmp_path / "data", PORT=str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "cannot be used (Address already in use)" in done.stderr
    assert "PORT=" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PORT": "http"}, "PORT must be a number"),
        ({"PORT": "70000"}, "PORT must be a number"),
        ({"PORT": "0", "METRICS_PORT": "65535"}, "65534 at most"),
        ({"PORT": "0", "METRICS_PORT": "none"}, "METRICS_PORT: Input should be a valid integer"),
        ({"PORT": "0", "DATABASE_URL": "mysql://x"}, "must begin with postgresql://"),
        ({"PORT": "0", "JWT_SECRET_KEY": "short", "DATABASE_URL": ""}, "JWT_SECRET_KEY is too short"),
    ],
)
def test_wrong_use_is_one_sentence(tmp_path: Path, environment: dict[str, str], sentence: str) -> None:
    done = run(tmp_path / "data", **environment)
    assert (done.returncode, sentence in done.stderr, "Traceback" in done.stderr) == (2, True, False), done.stderr


def test_application_is_no_owner(tmp_path: Path) -> None:
    # An empty variable is one that is not set.
    with serving(tmp_path / "data", METRICS_PORT="") as (url, _):
        assert httpx.get(f"{url}/api/health").status_code == 200
        with connect(superuser_url(tmp_path / "data")) as conn:

            def users() -> list[tuple[str]]:
                return conn.execute(
                    "SELECT DISTINCT usename FROM pg_stat_activity WHERE application_name LIKE 'broadcast-manager%'"
                    " ORDER BY usename"
                ).fetchall()

            until(lambda: users() == [("paygateprime_api",), ("paygateprime_worker",)], "API and worker")


def test_worker_that_ends_by_itself_is_told_and_ends_it(tmp_path: Path) -> None:
    with ExitStack() as stack:
        # Free together, so that the worker's alone is taken.
        while True:
            workers = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            metrics = workers.getsockname()[1] - 1
            with suppress(OSError), socket.create_server(("127.0.0.1", metrics)):
                break
        done = run(tmp_path / "data", PORT="0", METRICS_PORT=str(metrics))
    assert done.returncode == 1, done.stderr
    assert f"METRICS_PORT: cannot listen on 127.0.0.1, port {metrics + 1}" in done.stderr
    assert done.stderr.endswith("The worker has ended (exit code 2; above it says why): nothing would be sent.\n")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data" / "cluster" / "postmaster.pid").exists()


def test_ctrl_c_while_python_still_imports_shows_no_traceback() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\nserve: install\n\t@")[2].partition("\n")[0]
    command = recipe.replace("$(BIN)/python", sys.executable)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    delays = [random.Random(seed).uniform(0, 1) for _ in range(8)]
    for delay in delays:
        with subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=ROOT,
            env=os.environ | {"PORT": "0", "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            with suppress(subprocess.TimeoutExpired):
                process.wait(delay)
            process.send_signal(signal.SIGINT)
            said, _ = process.communicate()
        assert "Traceback" not in said, (delay, said)
