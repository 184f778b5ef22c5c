"""One round by POST /api/broadcast/execute and by broadcast-manager send-due: the same round, told in two ways."""

import signal
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from pyapi.cli import app
from pyapi.settings import Settings
from pyapi.worker.settings import WorkerSettings
from tests.api.calls import API_PASSWORD, PASSWORD, SECRET, Person, refused, served
from tests.api.conftest import api_role as api_role
from tests.delivery.broadcasts import Conn, add_broadcast, outcomes, parts, row
from tests.delivery.conftest import Process
from tests.migrations.builds import revision_named
from tools import databases
from tools.bot_api.server import TOKEN
from tools.telegram import Telegram, until


@pytest.fixture
def api_settings(database: str, api_role: str) -> Settings:
    """The API as its own role, which may claim nothing."""
    url = databases.at(database, databases.name_of(database), api_role, API_PASSWORD)
    return Settings(database_url=url, jwt_secret_key=SecretStr(SECRET))


def sign_in(conn: Conn, base_url: str, *, operator: bool) -> Person:
    """A user with a token."""
    user_id = databases.add_user(conn)
    password_hash = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    conn.execute("UPDATE registered_users SET password_hash = %s WHERE user_id = %s", [password_hash, user_id])
    if operator:
        conn.execute("INSERT INTO broadcast.operators (user_id) VALUES (%s)", [user_id])
    return Person.signed_in(base_url, user_id, f"user_{user_id.hex[:12]}")


@pytest.fixture
def base_url(api_settings: Settings, settings: WorkerSettings) -> Iterator[str]:
    """Address of an application that can send."""
    with served(api_settings, settings) as (url, _):
        yield url


def test_operator_executes_what_is_due(conn: Conn, base_url: str, telegram: Telegram) -> None:
    good, bad = add_broadcast(conn), add_broadcast(conn)
    telegram.order("kicked", method="sendMessage", chat_id=bad.open_id)
    person = sign_in(conn, base_url, operator=True)
    answer = person.http.post("/api/broadcast/execute")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body.pop("execution_time_seconds") > 0
    results = {uuid.UUID(result["broadcast_id"]): result for result in body.pop("results")}
    assert body == {"success": True, "total_broadcasts": 2, "successful": 1, "failed": 1}
    assert (results[good.id]["outcome"], results[good.id]["error"]) == ("sent", None)
    assert results[bad.id]["outcome"] == "failed"
    assert results[bad.id]["error"].startswith("Open channel: ")
    assert person.http.post("/api/broadcast/execute").json()["results"] == []
    person.http.close()


def test_nobody_else_executes(conn: Conn, base_url: str) -> None:
    broadcast = add_broadcast(conn)
    person = sign_in(conn, base_url, operator=False)
    refused(person.http.post("/api/broadcast/execute"), 403, "operators_only")
    person.http.close()
    refused(httpx.post(f"{base_url}/api/broadcast/execute"), 401, "token_invalid")
    assert outcomes(conn, broadcast) == []


def test_without_a_token_there_is_no_delivery(conn: Conn, api_settings: Settings) -> None:
    with served(api_settings) as (url, _):
        person = sign_in(conn, url, operator=True)
        refused(person.http.post("/api/broadcast/execute"), 503, "delivery_not_configured")
        person.http.close()


def test_token_that_telegram_refuses_and_telegram_that_is_away_are_told(
    conn: Conn, base_url: str, telegram: Telegram
) -> None:
    person = sign_in(conn, base_url, operator=True)
    telegram.order("unauthorized", method="getMe")
    refused(person.http.post("/api/broadcast/execute"), 503, "delivery_not_configured")
    telegram.order("server_error", method="getMe")
    refused(person.http.post("/api/broadcast/execute"), 503, "telegram_unavailable")
    person.http.close()


def test_api_without_the_workers_role_says_so(conn: Conn, api_settings: Settings, settings: WorkerSettings) -> None:
    as_api = settings.model_copy(update={"database_url": api_settings.database_url})
    with served(api_settings, as_api) as (url, _):
        person = sign_in(conn, url, operator=True)
        refused(person.http.post("/api/broadcast/execute"), 503, "database_not_ready")
        person.http.close()


def test_api_that_is_stopped_ends_a_round_and_answers(
    conn: Conn, api_settings: Settings, settings: WorkerSettings, telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("hold_before", method="sendMessage", chat_id=broadcast.open_id)
    with ThreadPoolExecutor() as threads, served(api_settings, settings) as (url, app):
        person = sign_in(conn, url, operator=True)
        answer = threads.submit(person.http.post, "/api/broadcast/execute")
        until(lambda: telegram.requests(chat_id=broadcast.open_id), "the request is under way")

        def release() -> None:
            until(app.state.stopping.is_set, "the API is stopping")
            telegram.release()

        released = threads.submit(release)
    released.result()
    assert [result["outcome"] for result in answer.result().json()["results"]] == ["released"]
    person.http.close()
    assert parts(conn, broadcast) == [("open", "sent", None)]
    assert row(conn, broadcast)["state"] == "queued"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, settings: WorkerSettings) -> pytest.MonkeyPatch:
    """A complete environment of send-due."""
    monkeypatch.delenv("WORKER_DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("TELEGRAM_API_BASE_URL", settings.telegram_api_base_url)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_send_due_tells_how_it_went(conn: Conn, telegram: Telegram) -> None:
    run = CliRunner().invoke(app, ["send-due"])
    assert (run.exit_code, run.stdout[:14]) == (0, "📢 0 broadcasts")  # nothing is due
    add_broadcast(conn)
    run = CliRunner().invoke(app, ["send-due"])
    assert run.exit_code == 0
    assert run.stdout.strip().endswith(": 1 sent")
    bad = add_broadcast(conn)
    telegram.order("chat_not_found", method="sendMessage", chat_id=bad.closed_id)
    run = CliRunner().invoke(app, ["send-due"])
    assert run.exit_code == 1
    assert run.stdout.strip().endswith(": 1 failed")
    assert f"failed: {bad.id}: Closed channel: Telegram knows no such chat." in run.stderr


# To a worker's role the schema itself is closed where the roles' revision is missing.
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", ["rule", "due_index"])
@pytest.mark.parametrize("as_owner", [True, False], ids=["owner", "worker"])
def test_send_due_on_an_older_database_says_what_to_do(
    database: str, monkeypatch: pytest.MonkeyPatch, name: str, as_owner: bool
) -> None:
    databases.downgrade(database, revision_named(name))
    if as_owner:
        monkeypatch.setenv("DATABASE_URL", database)
    run = CliRunner().invoke(app, ["send-due"])
    assert (run.exit_code, "run broadcast-manager upgrade" in run.stderr) == (2, True), run.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_send_due_that_is_stopped_lets_the_message_under_way_finish_and_gives_the_rest_back(
    conn: Conn, start_worker: Callable[..., Process], telegram: Telegram, number: signal.Signals
) -> None:
    first = add_broadcast(conn)
    telegram.order("hold_before", method="sendMessage", chat_id=first.open_id)
    process = start_worker("send-due", concurrency=1)
    until(lambda: telegram.requests(chat_id=first.open_id), "the request is under way")
    second = add_broadcast(conn)
    process.send_signal(number)
    assert process.stderr is not None
    assert any(b"worker.stopping" in line for line in process.stderr), "it was not told"
    telegram.release()
    _, error = process.communicate(timeout=30)
    assert process.returncode == 1
    assert b"Told to stop" in error
    assert parts(conn, first) == [("open", "sent", None)]
    assert [row(conn, broadcast)["state"] for broadcast in (first, second)] == ["queued", "queued"]
    assert outcomes(conn, second) == []
    again = start_worker("send-due")
    assert again.wait(30) == 0
    assert set(telegram.sent().values()) == {1}


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("TELEGRAM_BOT_TOKEN", "", "TELEGRAM_BOT_TOKEN is not set"),
        ("TELEGRAM_BOT_TOKEN", "secret token", "TELEGRAM_BOT_TOKEN is no bot's token"),
        ("TELEGRAM_API_BASE_URL", "api.telegram.org", "TELEGRAM_API_BASE_URL must begin with"),
        ("DATABASE_URL", "", "DATABASE_URL is not set"),
        ("DATABASE_URL", "mysql://x/y", "must begin with postgresql://"),
        ("WORKER_DATABASE_URL", "mysql://x/y", "must begin with postgresql://"),
        ("WORKER_CONCURRENCY", "many", "WORKER_CONCURRENCY"),
    ],
)
@pytest.mark.parametrize("command", ["send-due", "worker"])
def test_wrong_setting_is_told_in_one_sentence(
    environment: pytest.MonkeyPatch, name: str, value: str, sentence: str, command: str
) -> None:
    environment.setenv(name, value)
    run = CliRunner().invoke(app, [command])
    assert run.exit_code == 2
    assert sentence in run.stderr
    assert "secret token" not in run.stderr
    assert len(run.stderr.strip().splitlines()) == 1
