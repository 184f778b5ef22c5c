"""The switch: nothing of ours goes out before an operator has said that nobody else sends."""

import asyncio
import json
from collections.abc import Callable
from functools import partial

import pytest
from typer.testing import CliRunner

from pyapi.cli import app
from pyapi.worker.loop import SendingOff, run_round
from pyapi.worker.settings import WorkerSettings
from tests.api.calls import refused as refused_over_http
from tests.api.conftest import api_role as api_role
from tests.delivery.broadcasts import Conn, add_broadcast, outcomes
from tests.delivery.calls import claim, send
from tests.delivery.conftest import NEVER, Process
from tests.delivery.test_ways_to_run import api_settings as api_settings
from tests.delivery.test_ways_to_run import base_url as base_url
from tests.delivery.test_ways_to_run import sign_in
from tests.functions.calls import value
from tools import databases
from tools.databases import connect
from tools.telegram import Telegram, until

OFF = "SELECT broadcast.set_sending(FALSE, 'the old one runs again')"
ON = "SELECT broadcast.set_sending(TRUE)"


def test_it_is_on_where_the_upgrade_made_the_tables(conn: Conn) -> None:
    assert conn.execute("SELECT * FROM broadcast.sending()").fetchone() == (True, None, 0)


@pytest.mark.parametrize("table", ["main_clients_database", "broadcast_manager"])
def test_it_is_off_where_one_of_the_tables_was_there(old_database: str, table: str) -> None:
    with connect(old_database) as conn:
        other = {"broadcast_manager": "main_clients_database", "main_clients_database": "broadcast_manager"}[table]
        conn.execute(f"DROP TABLE {other}".encode())
        databases.upgrade(old_database)
        assert value(conn, "SELECT is_on FROM broadcast.sending()") is False
        assert "broadcast-manager sending on" in value(conn, "SELECT note FROM broadcast.sending()")
        add_broadcast(conn)
        assert claim(conn) == []
        conn.execute(ON)
        assert len(claim(conn)) == 1


def test_a_downgrade_forgets_that_it_was_on(database: str) -> None:
    with connect(database) as conn:
        conn.execute("UPDATE broadcast.settings SET retry_pause = '1 minute'")
        databases.downgrade(database)
        databases.upgrade(database)
        assert value(conn, "SELECT retry_pause::text FROM broadcast.settings") == "00:01:00"
        assert value(conn, "SELECT is_on FROM broadcast.sending()") is False


def test_what_is_being_sent_is_finished_and_nothing_else_begins(conn: Conn) -> None:
    first, second = add_broadcast(conn), add_broadcast(conn)
    (delivery,) = claim(conn, count=1)
    conn.execute(OFF)
    assert conn.execute("SELECT * FROM broadcast.sending()").fetchone() == (False, "the old one runs again", 1)
    assert send(conn, delivery, "sent", "sent") == "sent"
    assert claim(conn) == []
    assert outcomes(conn, first) + outcomes(conn, second) == ["sent"]


def test_no_message_goes_out_by_a_round_while_it_is_off(
    conn: Conn, settings: WorkerSettings, telegram: Telegram
) -> None:
    add_broadcast(conn)
    conn.execute(OFF)
    with pytest.raises(SendingOff, match="the old one runs again"):
        asyncio.run(run_round(settings))
    assert telegram.messages() == []
    conn.execute(ON)
    assert asyncio.run(run_round(settings)).successful == 1


def test_operator_who_executes_is_told(conn: Conn, base_url: str) -> None:
    conn.execute(OFF)
    person = sign_in(conn, base_url, operator=True)
    refused_over_http(person.http.post("/api/broadcast/execute"), 503, "sending_off")
    person.http.close()


def test_worker_says_so_once_and_begins_when_it_is_switched_on(
    conn: Conn, start_worker: Callable[..., Process], telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    conn.execute(OFF)
    process = start_worker(poll_seconds=NEVER)
    assert process.stderr is not None
    lines = (json.loads(line) for line in process.stderr)
    off = next(line for line in lines if line["event"].startswith("sending."))
    assert (off["event"], off["level"], off["description"]) == ("sending.off", "warning", "the old one runs again")
    assert telegram.messages() == []
    conn.execute("SELECT pg_notify('broadcast_manager_due', '')")
    conn.execute(ON)
    assert next(line for line in lines if line["event"].startswith("sending."))["event"] == "sending.on"
    until(partial(outcomes, conn, broadcast), "it is claimed")
    until(lambda: outcomes(conn, broadcast) == ["sent"], "it is sent")


def test_the_command_switches_and_tells(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database)

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["sending", *arguments])
        return done.exit_code, (done.stdout + done.stderr).strip()

    assert run() == run("status") == (0, "📢 Sending is on. Under way: 0.")
    assert run("off", "--note", "Moving house.") == (0, "📢 Sending is off. Moving house. Under way: 0.")
    assert run() == (1, "📢 Sending is off. Moving house. Under way: 0.")
    assert run("off")[1].startswith(f"📢 Sending is off. Switched off by {databases.OWNER}.")
    assert run("on") == (0, "📢 Sending is on. Under way: 0.")
    assert run("on", "--note", "why")[0] == 2
    assert run("perhaps")[0] == 2


def test_a_workers_role_may_not_switch(worker_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", worker_url)
    done = CliRunner().invoke(app, ["sending", "on"])
    assert (done.exit_code, "permission denied" in done.stderr) == (2, True), done.stderr
    assert CliRunner().invoke(app, ["sending"]).exit_code == 0
