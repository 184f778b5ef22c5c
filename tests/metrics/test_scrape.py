"""A scrape of a process whose database is known to hold this and that."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable

import httpx
import pytest

from pyapi.metrics import MetricsSettings, metrics_served
from pyapi.settings import SettingsInvalid
from pyapi.worker import run_round
from pyapi.worker_settings import WorkerSettings
from tests import databases
from tests.api.calls import SECRET, Person, World, registration
from tests.databases import ROOT, connect
from tests.delivery.broadcasts import Conn, add_broadcast
from tests.delivery.calls import claim
from tests.delivery.telegram import Telegram, until
from tests.metrics.scrape import Scrape

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
    with metrics_served(SERVED, worker_url) as port:
        seen = checked(port)
    assert seen.value("database_up") == 1
    assert seen.value("channels") == seen.value("broadcasts") == 4
    assert (seen.value("due"), seen.value("claimed"), seen.value("switched_off")) == (1, 1, 1)
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
            pytest.raises(SettingsInvalid, match=f"METRICS_PORT: can not listen on 127.0.0.1, port {port}"),
            metrics_served(MetricsSettings(metrics_port=port), "postgresql://nobody@127.0.0.1:1/nowhere"),
        ):
            pass


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
