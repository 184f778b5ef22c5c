"""Every query of the dashboard and of the alerts, asked of a Prometheus that scraped API, worker and sql_exporter."""

import asyncio
import json
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from pydantic import SecretStr

from demo.serve import _fill
from pyapi.metrics import MetricsSettings, metrics_served
from pyapi.settings import Settings
from pyapi.worker.loop import run_worker
from pyapi.worker.settings import WorkerSettings
from tests.api.calls import API_PASSWORD, SECRET, served
from tests.delivery.broadcasts import add_broadcast, outcomes
from tests.delivery.conftest import WORKER_PASSWORD
from tests.ops.test_alerts import rules
from tools import databases, sql_exporter
from tools.bot_api.server import TOKEN, running
from tools.databases import ROOT, connect
from tools.telegram import Telegram, until

METRICS = ROOT / "docs" / "metrics.md"
BOARD = ROOT / "ops" / "grafana" / "broadcast-manager.json"


def board_queries() -> list[str]:
    """Each query, with what Grafana puts in."""
    panels = json.loads(BOARD.read_text())["panels"]
    return [target["expr"].replace("$__rate_interval", "1m") for panel in panels for target in panel["targets"]]


class Prometheus:
    """A running one."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The result of a query now.

        Raises:
            AssertionError: it cannot be read.
        """
        answer = self._http.get("/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", (query, answer)
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def close(self) -> None:
        """End the connection."""
        self._http.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def process(*command: str | Path, **environment: str) -> Iterator[None]:
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running_process:
        try:
            yield
        finally:
            running_process.terminate()


@contextmanager
def a_worker(settings: WorkerSettings) -> Iterator[None]:
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=[run_worker(settings, stop)])
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def exporter_configuration(folder: Path, url: str) -> Path:
    jobs = yaml.safe_load(sql_exporter.PATH.read_text())
    for job in jobs["jobs"]:
        job["interval"] = "1s"
        job["connections"] = [url]
    path = folder / "broadcast_manager.yml"
    path.write_text(yaml.safe_dump(jobs))
    return path


def prometheus_configuration(folder: Path, *ports: int | None) -> Path:
    told = yaml.safe_load((ROOT / "ops" / "prometheus" / "prometheus.yml").read_text())
    del told["rule_files"]
    told["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    for job, port in zip(told["scrape_configs"], ports, strict=True):
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(told))
    return path


@pytest.fixture(scope="module")
def prometheus(
    server_url: str,
    template: str,
    api_role: str,
    worker_role: str,
    program: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Prometheus]:
    """Scrapes API and worker, which have sent and failed to send, and the exporter, each second."""
    prometheus, exporter = program("prometheus"), program("prometheus-sql-exporter")
    folder = tmp_path_factory.mktemp("prometheus")
    database = databases.create_database(server_url, template)
    name = databases.name_of(database)
    as_api = databases.at(database, name, api_role, API_PASSWORD)
    as_worker = databases.at(database, name, worker_role, WORKER_PASSWORD)
    with ExitStack() as stack:
        stack.callback(databases.drop_database, server_url, database)
        telegram = Telegram(stack.enter_context(running()))
        stack.callback(telegram.http.close)
        base_url, _ = stack.enter_context(served(Settings(database_url=as_api, jwt_secret_key=SecretStr(SECRET))))
        port = stack.enter_context(metrics_served(MetricsSettings(metrics_port=0), as_api))
        sending = WorkerSettings(
            database_url=as_worker,
            telegram_bot_token=SecretStr(TOKEN),
            telegram_api_base_url=telegram.url,
            worker_poll_seconds=0.5,
        )
        stack.enter_context(a_worker(sending))
        ports = free_port(), free_port()
        configuration = exporter_configuration(folder, for_go(as_api))
        stack.enter_context(
            process(exporter, "-config.file", configuration, "-web.listen-address", f"127.0.0.1:{ports[0]}")
        )
        stack.enter_context(
            process(
                prometheus,
                f"--config.file={prometheus_configuration(folder, port, ports[0])}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{ports[1]}",
            )
        )
        asked = Prometheus(f"http://127.0.0.1:{ports[1]}")
        stack.callback(asked.close)
        until(asked.ready, "Prometheus is ready")
        with connect(database) as conn:
            # The data that make serve has.
            with conn.transaction():
                _fill(conn)
            conn.execute("UPDATE broadcast.settings SET messages_per_second = NULL, chat_interval = NULL")
            broadcasts = [add_broadcast(conn) for _ in range(2)]
            telegram.order("kicked", method="sendMessage", chat_id=broadcasts[0].open_id)
            until(lambda: outcomes(conn, broadcasts[1]) == ["sent"], "it is sent")
        httpx.get(f"{base_url}/api/health")
        yield asked


def for_go(url: str) -> str:
    """The URL as the exporter's driver reads it: a socket's folder is a host as well, and no TLS on it."""
    return url.replace("postgresql://", "postgres://") + ("&" if "?" in url else "?") + "sslmode=disable"


@pytest.mark.parametrize("query", board_queries())
def test_each_query_of_the_dashboard_has_a_result(prometheus: Prometheus, query: str) -> None:
    until(lambda: prometheus.ask(query), query)


def names_in(text: str) -> set[str]:
    """The metrics that a text asks for."""
    return set(re.findall(r"\b(?:broadcast_manager|sql_exporter)_\w+", text))


def names_of(prometheus: Prometheus, job: str) -> set[str]:
    """Our metrics that a job serves."""
    found = prometheus.ask(f'count by (__name__) ({{__name__=~"broadcast_manager_.+", job="{job}"}})')
    return {series["metric"]["__name__"] for series in found}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_each_alert_asks_for_what_is_there(prometheus: Prometheus, rule: dict[str, Any]) -> None:
    prometheus.ask(rule["expr"])
    for name in names_in(rule["expr"]):
        until(lambda name=name: prometheus.ask(name), name)  # type: ignore[misc]


def listed(section: str) -> set[str]:
    """The metrics of a section of docs/metrics.md."""
    text = re.split(r"^## ", METRICS.read_text(), flags=re.MULTILINE)
    [found] = [part for part in text if part.startswith(f"{section}\n")]
    return set(re.findall(r"^\| `(broadcast_manager_\w+)`", found, re.MULTILINE))


def test_the_exporter_serves_the_figures_that_python_serves(prometheus: Prometheus) -> None:
    theirs = {"job", "instance", "sql_job", "driver", "host", "database", "user"}

    def figures(job: str) -> set[tuple[tuple[tuple[str, str], ...], str]]:
        found = prometheus.ask(f'{{__name__=~"{"|".join(of_both)}", job="{job}"}}')
        return {
            (
                tuple(sorted((label, value) for label, value in s["metric"].items() if label not in theirs)),
                # They look at different moments.
                s["value"][1] if "_age_" not in s["metric"]["__name__"] else "",
            )
            for s in found
        }

    of_both = listed("Figures of the database") - {"broadcast_manager_database_up"}
    until(lambda: names_of(prometheus, "broadcast-manager-sql") == of_both, "what docs/metrics.md says of the exporter")
    until(lambda: figures("broadcast-manager") == figures("broadcast-manager-sql"), "the same, and alike")


def test_docs_name_the_alerts_to_leave_out_where_only_the_exporter_runs() -> None:
    asked = {rule["alert"]: {name.removesuffix("_count") for name in names_in(rule["expr"])} for rule in rules()}
    of_processes = {alert for alert, names in asked.items() if names & listed("Figures of a process")}
    [sentence] = re.findall(r"With it alone, leave out .*", METRICS.read_text())
    assert set(re.findall(r"`(Broadcast\w+)`", sentence)) == of_processes


def test_the_exporters_configuration_holds_todays_fingerprint() -> None:
    assert sql_exporter.PATH.read_text() == sql_exporter.configuration(), "make generate writes it"
