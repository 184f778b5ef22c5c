"""A scrape of a process whose database is known to hold this and that."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import httpx
import pytest
from psycopg.conninfo import conninfo_to_dict

from pyapi import logs, metrics
from pyapi.metrics import MetricsSettings, metrics_served, read_metrics_settings
from pyapi.settings import SettingsInvalid
from pyapi.worker.loop import run_round
from pyapi.worker.settings import WorkerSettings
from tests.api.calls import SECRET, Person, World, registration
from tests.delivery.broadcasts import Conn, add_broadcast
from tests.delivery.calls import claim
from tests.metrics.line import line_to
from tests.metrics.scrape import Scrape
from tools import databases
from tools.databases import ROOT, connect
from tools.telegram import Telegram, until

SERVED = MetricsSettings(metrics_port=0)
OFTEN = MetricsSettings(metrics_port=0, integrity_check_seconds=0.05)


def checked(port: int | None) -> Scrape:
    """A scrape after the first full check."""
    return until(lambda: (s := Scrape(port)).value("drift_objects") is not None and s, "the full check") or Scrape(port)


def test_figures_are_those_of_the_database(conn: Conn, worker_url: str) -> None:
    claimed, late, off, *_ = [add_broadcast(conn) for _ in range(3)] + [add_broadcast(conn, due=False)]
    conn.execute("UPDATE broadcast_manager SET next_send_time = now() - interval '2 h' WHERE id = %s", [claimed.id])
    assert len(claim(conn, count=1)) == 1
    conn.execute("UPDATE broadcast_manager SET next_send_time = now() - interval '1 h' WHERE id = %s", [late.id])
    conn.execute("UPDATE broadcast_manager SET is_active = FALSE, failed_broadcasts = 5 WHERE id = %s", [off.id])
    for reason, count in (("failures", 3), ("owner", 2), ("operator", 1)):
        for _ in range(count):
            conn.execute("SELECT broadcast.switch_off(%s, %s)", [add_broadcast(conn).id, reason])
    with metrics_served(SERVED, worker_url) as port:
        seen = checked(port)
    assert seen.value("database_up") == 1
    assert seen.value("channels") == seen.value("broadcasts") == 10
    assert (seen.value("due"), seen.value("claimed")) == (1, 1)
    off_for = {
        reason: seen.value("switched_off", reason=reason) for reason in ("failures", "owner", "operator", "other")
    }
    assert off_for == {"failures": 3, "owner": 2, "operator": 1, "other": 1}
    assert 3600 <= (seen.value("oldest_due_age_seconds") or 0) < 7200
    assert (seen.value("attempts", outcome="failed"), seen.value("attempts", outcome="successful")) == (5, 0)
    assert {seen.value("violations", **labels) for labels in seen.labels("violations")} == {0}
    assert {seen.value("rule_part_in_force", **labels) for labels in seen.labels("rule_part_in_force")} == {1}
    assert seen.value("drift_objects") == 0
    # Statistics reach the counter a moment after the commit; nobody else wrote here.
    assert seen.value("rows_inserted_total") is not None
    assert seen.families["broadcast_manager_rows_inserted"].type == "counter"


def test_a_bypassed_rule_shows(conn: Conn, worker_url: str, superuser: Callable[[str], str], database: str) -> None:
    with metrics_served(OFTEN, worker_url) as port:
        assert checked(port).value("violations", check="channel_without_broadcast") == 0
        with connect(superuser(database)) as root:
            root.execute("SET session_replication_role = replica")
            databases.add_channel(root, databases.add_user(root))
        conn.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
        # Parts of the rule are looked at by each scrape, rows and the catalogue by the next check.
        assert Scrape(port).value("rule_part_in_force", part="create_broadcast_rows") == 0
        until(lambda: Scrape(port).value("violations", check="channel_without_broadcast") == 1, "the channel is found")
        until(lambda: Scrape(port).value("drift_objects") == 1, "the trigger is found")


def test_a_database_that_is_away_is_told_and_the_rest_is_served(capsys: pytest.CaptureFixture[str]) -> None:
    with metrics_served(SERVED, "postgresql://nobody@127.0.0.1:1/nowhere") as port:
        seen = Scrape(port)
    assert seen.value("database_up") == 0
    assert seen.value("due") is None
    assert seen.value("claims_total") is not None
    written = capsys.readouterr()
    assert "Traceback" not in written.out + written.err


def test_a_server_that_falls_silent_under_way_costs_its_figures_only(
    conn: Conn, worker_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_SCRAPE_SECONDS", 0.5)
    monkeypatch.setattr(metrics, "_QUERY_SECONDS", 2)
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'broadcast.integrity_check'::regclass"
    with line_to(worker_url) as line, metrics_served(SERVED, line.url) as port:
        assert checked(port).value("database_up") == 1
        with conn.transaction():
            conn.execute("LOCK TABLE broadcast.integrity_check")
            asking = threading.Thread(target=Scrape, args=[port])
            asking.start()
            until(lambda: conn.execute(waiting).fetchone() is not None, "the question is under way")
            line.silent.set()
            asking.join()
        for _ in range(3):
            seen = Scrape(port)
            assert seen.value("database_up") == 0
            assert seen.value("claims_total") is not None
        line.silent.clear()
        # The answer that was lost never comes: who waits for it waits in vain.
        until(lambda: Scrape(port).value("database_up") == 1, "it asks anew")


def test_many_hosts_that_do_not_answer_cost_no_more_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_SCRAPE_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # Each takes its connect_timeout, which is the operator's to say: two minutes in all.
        hosts = ",".join([f"127.0.0.1:{silent.getsockname()[1]}"] * 12)
        with metrics_served(SERVED, f"postgresql://nobody@{hosts}/nowhere?connect_timeout=10") as port:
            assert Scrape(port).value("database_up") == 0


def test_what_the_url_says_itself_goes_before_our_own_settings(worker_url: str) -> None:
    mark = "&" if "?" in worker_url else "?"
    with metrics._connection(f"{worker_url}{mark}connect_timeout=77") as connection:
        told = connection.info.get_parameters()
    assert (told["connect_timeout"], told["tcp_user_timeout"]) == ("77", "10000")


def test_log_tells_why_no_connection_is_to_be_had(worker_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    place = conninfo_to_dict(worker_url)
    with line_to(worker_url) as line:
        gone = f"postgresql://nobody:s3cret-no-one@127.0.0.1:1/{place['dbname']}"
        missing = line.url.replace(f"/{place['dbname']}", "/no_such_database")
        for url, words in (gone, "Connection refused"), (missing, 'database "no_such_database" does not exist'):
            with metrics_served(SERVED, url) as port:
                Scrape(port)
            lines = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
            [told] = {text["description"] for text in lines if text["event"] == "metrics.database_away"}
            assert words in told
            assert "s3cret" not in str(lines)


def test_requests_are_counted_by_route_and_never_by_path(person: Person, base_url: str) -> None:
    with metrics_served(SERVED, "postgresql://nobody@127.0.0.1:1/nowhere") as port:
        before = Scrape(port)
        channel = registration()
        person.http.post("/api/channels/register", json=channel)
        person.http.get(f"/api/channels/{channel['open_channel_id']}")
        person.http.get("/api/no-such-thing/4711")
        httpx.request("BREW", f"{base_url}/login")
        httpx.get(f"{base_url}/static/dashboard.css")

        def more(method: str, route: str, status: str) -> float:
            labels = {"method": method, "route": route, "status": status}
            counts = [seen.value("request_duration_seconds_count", **labels) or 0 for seen in (Scrape(port), before)]
            return counts[0] - counts[1]

        # A request is counted a moment after its answer is there.
        for labels in (
            ("POST", "/api/channels/register", "201"),
            ("GET", "/api/channels/{open_channel_id}", "200"),
            ("GET", "other", "404"),
            ("other", "/login", "405"),
            ("GET", "other", "200"),
        ):
            assert until(lambda labels=labels: more(*labels), str(labels)) == 1  # type: ignore[misc]


def test_deliveries_are_counted(conn: Conn, settings: WorkerSettings, telegram: Telegram) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("kicked", method="sendMessage", chat_id=broadcast.closed_id)
    with metrics_served(SERVED, settings.database_url) as port:
        before = Scrape(port)
        asyncio.run(run_round(settings))
        after = Scrape(port)

    def more(name: str, **labels: str) -> float:
        return (after.value(name, **labels) or 0) - (before.value(name, **labels) or 0)

    assert more("claims_total") == 1
    assert more("claims_ended_total", outcome="failed") == 1
    assert more("part_duration_seconds_count", part="open", outcome="sent") == 1
    assert more("part_duration_seconds_count", part="closed", outcome="failed") == 1
    assert after.value("parts_last_day", state="failed") == 1


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(SettingsInvalid, match=f"METRICS_PORT: cannot listen on 127.0.0.1, port {port}"),
            metrics_served(MetricsSettings(metrics_port=port), "postgresql://nobody@127.0.0.1:1/nowhere"),
        ):
            pass


@pytest.mark.parametrize("host", ["x" * 64, "a..b", "192.0.2.1"])
def test_an_address_that_is_nobodys_is_told(host: str) -> None:
    with (
        pytest.raises(SettingsInvalid, match=f"METRICS_PORT: cannot listen on {host}, port 0: "),
        metrics_served(MetricsSettings(metrics_port=0, metrics_host=host), "postgresql://nobody@127.0.0.1:1/nowhere"),
    ):
        pass


@pytest.mark.parametrize("seconds", ["inf", "nan", "1e300", "0", "1801"])
def test_a_check_that_the_alert_would_miss_is_refused(seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTEGRITY_CHECK_SECONDS", seconds)
    with pytest.raises(SettingsInvalid, match=r"^INTEGRITY_CHECK_SECONDS: Input should be (less|greater) than"):
        read_metrics_settings()


def test_the_command_serves_them_on_a_port_of_their_own(world: World) -> None:
    environment = {"DATABASE_URL": world.settings.database_url, "JWT_SECRET_KEY": SECRET, "METRICS_PORT": "0"}
    with subprocess.Popen(
        [sys.executable, "-c", "from pyapi.cli import app; app()", "api", "--port", "0"],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        ports: dict[str, int] = {}
        while len(ports) < 2:
            line = json.loads(process.stderr.readline())
            if line["event"] in ("metrics.listening", "api.listening"):
                ports[line["event"]] = line["port"]
        try:
            assert Scrape(ports["metrics.listening"]).value("database_up") == 1
            assert httpx.get(f"http://127.0.0.1:{ports['api.listening']}/metrics").status_code == 404
        finally:
            process.terminate()
            process.communicate()


def test_each_metric_is_listed_and_each_listed_one_is_there(conn: Conn, worker_url: str, person: Person) -> None:
    del person
    with metrics_served(SERVED, worker_url) as port:
        add_broadcast(conn)
        families = checked(port).families.values()
    ours = {f.name + ("_total" if f.type == "counter" else "") for f in families if f.name.startswith("broadcast_")}
    listed = set(re.findall(r"^\| `(broadcast_manager_\w+)`", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    assert sorted(ours) == sorted(listed)
