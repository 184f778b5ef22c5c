"""The client it began with: channels without a broadcast, an upgrade, and from then on all goes well."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import bcrypt
import httpx
from pydantic import SecretStr

from pyapi.settings import Settings
from pyapi.worker.loop import run_round
from pyapi.worker.settings import WorkerSettings
from tests.api.calls import API_PASSWORD, PASSWORD, SECRET, served
from tests.dashboard.visitor import inputs_of, log_in
from tests.delivery.conftest import WORKER_PASSWORD
from tests.logs.conftest import Line
from tools import databases
from tools.bot_api.server import TOKEN
from tools.telegram import Telegram, until

CLIENT = UUID("7e1018e4-5644-4031-a05c-4166cc877264")


def test_client_it_began_with_sees_the_button_sends_by_it_and_the_log_has_no_complaint(
    old_database: str, api_role: str, worker_role: str, telegram: Telegram, lines: Callable[[], list[Line]]
) -> None:
    with databases.connect(old_database) as conn:
        password_hash = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
        databases.add_user(conn, CLIENT)
        conn.execute("UPDATE public.registered_users SET password_hash = %s", [password_hash])
        open_id, closed_id = databases.add_channel(conn, CLIENT)
    databases.upgrade(old_database)
    with databases.connect(old_database) as conn:
        conn.execute("SELECT broadcast.set_sending(TRUE)")
    name = databases.name_of(old_database)
    api = Settings(
        database_url=databases.at(old_database, name, api_role, API_PASSWORD), jwt_secret_key=SecretStr(SECRET)
    )
    worker = WorkerSettings(
        database_url=databases.at(old_database, name, worker_role, WORKER_PASSWORD),
        telegram_bot_token=SecretStr(TOKEN),
        telegram_api_base_url=telegram.url,
    )
    with served(api) as (url, _), httpx.Client(base_url=url, timeout=30) as http:
        assert log_in(http, f"user_{CLIENT.hex[:12]}").status_code == 303
        page = http.get("/").text
        assert ("Resend Notification" in page, "Not Configured" in page) == (True, False)
        resend = f"/channels/{open_id}/{closed_id}/resend"
        assert http.post(resend, data=inputs_of(http.get(resend))).status_code == 303
        asyncio.run(run_round(worker))
        page = http.get("/", headers={"X-Request-ID": "last"}).text
        assert "Sent" in page
    assert [len(telegram.messages(chat)) for chat in (open_id, closed_id)] == [1, 1]
    until(lambda: [line for line in lines() if line.get("request_id") == "last"], "the last request is logged")
    assert [line for line in lines() if line["level"] not in {"debug", "info"}] == []
    assert {"broadcast.requested", "broadcast.sent"} <= {line["event"] for line in lines()}
