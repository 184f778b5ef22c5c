"""compose.yaml and .env.example: nothing unknown in them, nothing missing, and started and stopped in order."""

import re
import time
from typing import Any

import pytest
from prometheus_client import start_http_server

from pyapi.metrics import LAST_LOOK, MetricsSettings, read_metrics_settings
from pyapi.settings import Settings, read_settings
from pyapi.web.server import _GRACE_SECONDS
from pyapi.worker.loop import _GRACE
from pyapi.worker.settings import WorkerSettings, read_worker_settings
from tests.deployment.files import COMPOSE, EXAMPLE, SERVICES, filled_in, parse_command, variables

APP = {name: service for name, service in SERVICES.items() if name != "database"}

# libpq's, and uvicorn's.
_OTHERS = {"PGPASSWORD", "FORWARDED_ALLOW_IPS"}
_SETTINGS = {
    "upgrade": {"DATABASE_URL"},
    "api": {name.upper() for kind in (Settings, MetricsSettings) for name in kind.model_fields},
    "worker": {name.upper() for kind in (WorkerSettings, MetricsSettings) for name in kind.model_fields},
}

FILLED_IN = {
    "POSTGRES_PASSWORD": "1",
    "OWNER_PASSWORD": "2",
    "API_PASSWORD": "3",
    "WORKER_PASSWORD": "4",
    "JWT_SECRET_KEY": "5" * 64,
    "TELEGRAM_BOT_TOKEN": "1:test-only",
}


def strings(value: Any) -> list[str]:
    """Every text in a YAML document."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def environment(service: str) -> dict[str, str]:
    """A service's environment, with .env filled in."""
    return {name: filled_in(text, FILLED_IN) for name, text in SERVICES[service]["environment"].items()}


@pytest.mark.parametrize("service", APP)
def test_every_variable_is_a_known_setting(service: str) -> None:
    assert set(APP[service]["environment"]) <= _SETTINGS[service] | _OTHERS


def test_environment_is_enough_for_api_and_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    for service, read in ("api", read_settings), ("worker", read_worker_settings):
        with monkeypatch.context() as patch:
            for name in _SETTINGS["api"] | _SETTINGS["worker"]:
                patch.delenv(name, raising=False)
            for name, value in environment(service).items():
                patch.setenv(name, value)
            read()
            read_metrics_settings()


def test_example_names_all_that_compose_takes_and_holds_no_secret() -> None:
    taken = {name: default for text in strings(COMPOSE) for name, default in variables(text).items()}
    needed = re.findall(r"^(\w+)=(.*)$", EXAMPLE, re.MULTILINE)
    optional = re.findall(r"^# (\w+)=(.*)$", EXAMPLE, re.MULTILINE)
    assert dict(needed) == {name: "" for name, default in taken.items() if default is None}
    assert {name for name, _ in optional} == {name for name, default in taken.items() if default is not None}
    assert set(FILLED_IN) == {name for name, _ in needed}


@pytest.mark.parametrize("service", APP)
def test_command_exists(service: str) -> None:
    # The API's is the image's own.
    if "command" in APP[service]:
        parse_command(APP[service]["command"])


def test_ports_are_published_on_loopback_only() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_upgrade_comes_after_the_database_and_before_api_and_worker() -> None:
    assert SERVICES["upgrade"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    for service in ("api", "worker"):
        assert SERVICES[service]["depends_on"] == {"upgrade": {"condition": "service_completed_successfully"}}


def test_nobody_is_killed_while_it_stops() -> None:
    for service, needs in ("api", _GRACE_SECONDS), ("worker", _GRACE):
        assert int(SERVICES[service]["stop_grace_period"].removesuffix("s")) > needs + 2


def test_health_check_of_the_worker_sees_whether_it_still_looks_for_work() -> None:
    *python, code = SERVICES["worker"]["healthcheck"]["test"]
    assert python == ["CMD", "python", "-c"]
    port = SERVICES["worker"]["environment"]["METRICS_PORT"]
    assert code.count(f"127.0.0.1:{port}/") == 1
    server, thread = start_http_server(0, "127.0.0.1")
    # Compose writes $$ for a $.
    check = compile(code.replace("$$", "$").replace(f":{port}/", f":{server.server_port}/"), "healthcheck", "exec")
    try:
        for age, unhealthy in (5, False), (120, True):
            LAST_LOOK.set(time.time() - age)
            with pytest.raises(SystemExit) as ended:
                exec(check, {})  # noqa: S102
            assert ended.value.code is unhealthy
    finally:
        LAST_LOOK.set(0)
        server.shutdown()
        server.server_close()
        thread.join()


def test_each_service_gets_its_own_role_and_password_only() -> None:
    urls = {name: service["environment"]["DATABASE_URL"] for name, service in APP.items()}
    passwords = {name: service["environment"]["PGPASSWORD"] for name, service in APP.items()}
    assert len(set(urls.values())) == len(set(passwords.values())) == len(APP)
    assert not any("POSTGRES_PASSWORD" in text for service in APP.values() for text in strings(service))
