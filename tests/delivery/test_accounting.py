"""What the long runs count as sent twice or lost is found when it is there."""

import asyncio

from pyapi.worker.loop import run_round
from pyapi.worker.settings import WorkerSettings
from tests.delivery.accounting import Account, balance
from tests.delivery.broadcasts import Conn, add_broadcast
from tools.bot_api.server import TOKEN
from tools.telegram import Telegram


def test_unknown_part_that_was_not_sent_does_not_pay_for_another_message(
    conn: Conn, telegram: Telegram, settings: WorkerSettings
) -> None:
    never_sent, sent_unheard, _ = (add_broadcast(conn) for _ in range(3))
    telegram.order("cut_before", method="sendMessage", chat_id=never_sent.open_id)
    telegram.order("cut_after", method="sendMessage", chat_id=sent_unheard.open_id)
    asyncio.run(run_round(settings))
    assert balance(conn, telegram) == Account(sent=4, unknown=2, unknown_sent=1, twice=0, lost=0)
    message = {"chat_id": never_sent.open_id, "text": "once more", "parse_mode": "HTML"}
    assert telegram.http.post(f"/bot{TOKEN}/sendMessage", json=message).status_code == 200
    assert balance(conn, telegram).twice == 1


def test_part_noted_as_sent_that_telegram_has_not_got_is_lost(
    conn: Conn, telegram: Telegram, settings: WorkerSettings
) -> None:
    broadcast = add_broadcast(conn)
    asyncio.run(run_round(settings))
    conn.execute("UPDATE broadcast.delivery_parts SET message_id = 99 WHERE chat_id = %s", [broadcast.open_id])
    assert balance(conn, telegram).lost == 1
