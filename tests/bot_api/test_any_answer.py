"""Whatever answers a request: the part is sent, failed or unknown, that is recorded, and the round goes on."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyapi.worker.loop import run_round
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram_answer import MOST_BYTES
from tests.bot_api.answers import bodies
from tests.delivery.broadcasts import Conn, add_broadcast, parts, row
from tools.telegram import Telegram

_STATUSES = st.sampled_from([200, 201, 204, 302, 400, 403, 409, 413, 429, 500, 502])


def answer_with(telegram: Telegram, status: int, body: bytes, **fields: Any) -> None:
    """Have the next sendMessage answered with these bytes."""
    telegram.order("raw", method="sendMessage", status=status, body=body.decode("latin-1"), **fields)


@given(st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_outcome_is_recorded_whatever_the_answer(
    conn: Conn, telegram: Telegram, settings: WorkerSettings, data: st.DataObject
) -> None:
    status = data.draw(_STATUSES)
    body = data.draw(bodies(status))
    broadcast = add_broadcast(conn)
    answer_with(telegram, status, body)
    (result,) = asyncio.run(run_round(settings)).results
    assert result.outcome in ("sent", "failed", "unknown", "released")
    assert {state for _, state, _ in parts(conn, broadcast)} <= {"sent", "failed", "unknown"}
    conn.execute("DELETE FROM main_clients_database")
    conn.execute("UPDATE broadcast.bot_slot SET next_slot = now()")
    telegram.http.delete("/faults")


@pytest.mark.parametrize("status", [200, 400])
def test_body_is_read_up_to_a_limit(conn: Conn, telegram: Telegram, settings: WorkerSettings, status: int) -> None:
    broadcast = add_broadcast(conn)
    answer = {"ok": status == 200, "error_code": status, "result": {"message_id": 1}, "description": ""}
    answer_with(telegram, status, json.dumps(answer).encode() + b" " * MOST_BYTES)
    (result,) = asyncio.run(run_round(settings)).results
    assert result.outcome == "unknown"
    assert parts(conn, broadcast)[0] == ("open", "unknown", "unexpected_answer")


def test_answer_that_is_compressed_is_not_unpacked(conn: Conn, telegram: Telegram, settings: WorkerSettings) -> None:
    broadcast = add_broadcast(conn)
    answer_with(telegram, 200, b"\x1f\x8b", headers={"content-encoding": "gzip"})
    asyncio.run(run_round(settings))
    assert parts(conn, broadcast)[0] == ("open", "unknown", "unexpected_answer")


def test_owner_is_told_of_the_supergroup(conn: Conn, telegram: Telegram, settings: WorkerSettings) -> None:
    broadcast = add_broadcast(conn)
    answer = {
        "ok": False,
        "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": -1003268562299},
    }
    answer_with(telegram, 400, json.dumps(answer).encode())
    asyncio.run(run_round(settings))
    assert "Edit the channel: its id is -1003268562299 now." in row(conn, broadcast)["last_error_message"]


@pytest.mark.parametrize("asked", [10**12, 1e30])
def test_wait_that_telegram_asks_for_ends_within_an_hour(
    conn: Conn, telegram: Telegram, settings: WorkerSettings, asked: float
) -> None:
    broadcast = add_broadcast(conn)
    answer = {"ok": False, "error_code": 429, "description": "", "parameters": {"retry_after": asked}}
    answer_with(telegram, 429, json.dumps(answer).encode())
    asyncio.run(run_round(settings))
    assert parts(conn, broadcast) == [("open", "failed", "rate_limited")]
    held = conn.execute("SELECT next_slot < now() + interval '1 hour' FROM broadcast.bot_slot").fetchone()
    assert held == (True,)
