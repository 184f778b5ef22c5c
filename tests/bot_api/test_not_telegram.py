"""A proxy on the way to Telegram answers with a page of its own: no channel and no token is to blame for that."""

import asyncio

import pytest

from pyapi.worker.loop import Round, run_round
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram import RequestRefused
from tests.delivery.broadcasts import Conn, add_broadcast
from tools.telegram import Telegram


def send(settings: WorkerSettings) -> Round:
    """Run one round."""
    return asyncio.run(run_round(settings, asyncio.Event()))


def test_what_is_due_waits_until_telegram_is_there_again(
    conn: Conn, telegram: Telegram, settings: WorkerSettings
) -> None:
    for _ in range(3):
        add_broadcast(conn)
    telegram.order("not_telegram", method="sendMessage", status=403, count=100)
    one_by_one = settings.model_copy(update={"worker_concurrency": 1})
    assert [result.outcome for result in send(one_by_one).results] == ["unknown"]
    assert telegram.http.delete("/faults").status_code == 200
    assert [result.outcome for result in send(one_by_one).results] == ["sent", "sent"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "unexpected_answer"),
        (404, "unexpected_answer"),
        (407, "unexpected_answer"),
        (429, "unexpected_answer"),
        (502, "server_error"),
    ],
)
def test_worker_does_not_take_it_for_a_refusal_of_its_token(
    telegram: Telegram, settings: WorkerSettings, status: int, code: str
) -> None:
    telegram.order("not_telegram", method="getMe", status=status)
    with pytest.raises(RequestRefused) as refused:
        send(settings)
    assert refused.value.refusal.kind.code == code
    assert send(settings).results == []
