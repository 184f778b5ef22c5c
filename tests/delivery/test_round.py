"""One round: what is due goes out in full, and every fault has the end that docs/delivery.md promises."""

import asyncio
from typing import Any

import pytest

from pyapi.worker.context import worker_context
from pyapi.worker.delivery import claim_due, deliver
from pyapi.worker.loop import Round, TokenRefused, run_round
from pyapi.worker.settings import WorkerSettings
from pyapi.worker.telegram import RequestRefused
from tests.delivery.broadcasts import Conn, add_broadcast, make_due, outcomes, parts, row, seconds
from tests.delivery.conftest import WORKER_PASSWORD
from tests.functions.calls import value
from tools import databases
from tools.bot_api.server import BOT_USERNAME
from tools.telegram import Telegram, until

DAY = seconds(days=1)
SENT = [("open", "sent", None), ("closed", "sent", None)]


def send(settings: WorkerSettings) -> Round:
    """Run one round."""
    return asyncio.run(run_round(settings))


def test_both_messages_go_out_with_text_and_buttons(conn: Conn, telegram: Telegram, settings: WorkerSettings) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE main_clients_database SET open_channel_title = 'Früh & <gut>'")
    done = send(settings)
    assert [(result.broadcast_id, result.outcome, result.error) for result in done.results] == [
        (broadcast.id, "sent", None)
    ]
    first, second = telegram.messages()
    assert (first["chat_id"], second["chat_id"]) == (broadcast.open_id, broadcast.closed_id)
    assert first["text"] == (
        "Welcome to Früh & <gut>\nWhat moved over night, free for everyone\n\n"
        "Morning signals, inside\nEntries, exits and the reasons for them\n\nChoose how long you want to join:"
    )
    assert "Früh &amp; &lt;gut&gt;" in first["html"]
    links = [button["url"] for line in first["buttons"] for button in line]
    assert [link.startswith(f"https://t.me/{BOT_USERNAME}?start=") for link in links] == [True, True]
    assert [link.partition("=_")[2] for link in links] == ["5d0_30", "12d5_90"]
    assert second["text"] == "If the signals paid for your breakfast, buy us one."
    assert second["buttons"] == [[{"text": "Donate", "callback_data": f"donate_start_{broadcast.open_id}"}]]
    now = row(conn, broadcast)
    assert (now["state"], now["total_broadcasts"], now["successful_broadcasts"], now["failed_broadcasts"]) == (
        "sent",
        1,
        1,
        0,
    )
    assert (now["last_open_message_id"], now["last_closed_message_id"]) == (first["message_id"], second["message_id"])
    assert DAY - 600 < now["due_in"] <= DAY
    assert parts(conn, broadcast) == SENT


def test_live_systems_tables_are_served_as_well(
    old_database: str, worker_role: str, telegram: Telegram, settings: WorkerSettings
) -> None:
    # Enums, and times without zones.
    databases.upgrade(old_database)
    as_worker = databases.at(old_database, databases.name_of(old_database), worker_role, WORKER_PASSWORD)
    with databases.connect(old_database) as conn:
        conn.execute("SELECT broadcast.set_sending(TRUE)")
        broadcast = add_broadcast(conn)
        for ends in ({"sent": 1}, {"failed": 1}):
            make_due(conn, broadcast)
            assert send(settings.model_copy(update={"database_url": as_worker})).counts() == ends
            telegram.order("kicked", method="sendMessage")
        assert row(conn, broadcast)["state"] == "failed"


def test_many_go_out_in_one_round(conn: Conn, telegram: Telegram, settings: WorkerSettings) -> None:
    for _ in range(25):
        add_broadcast(conn)
    done = send(settings)
    assert (done.successful, done.failed, len(done.results)) == (25, 0, 25)
    assert list(telegram.sent().values()) == [1] * 50


def test_earlier_pair_is_deleted_first_where_it_was_sent(
    conn: Conn, telegram: Telegram, settings: WorkerSettings
) -> None:
    broadcast = add_broadcast(conn)
    send(settings)
    conn.execute(
        "UPDATE main_clients_database SET open_channel_id = '-1009999999991' WHERE client_id = %s", [broadcast.client]
    )
    make_due(conn, broadcast)
    send(settings)
    standing = telegram.messages(deleted=False)
    assert [message["chat_id"] for message in standing] == [broadcast.closed_id, "-1009999999991"]
    assert [m["deleted"] for m in telegram.messages(broadcast.open_id)] == [True]
    assert [m["deleted"] for m in telegram.messages(broadcast.closed_id)] == [True, False]
    order = [request["method"] for request in telegram.http.get("/requests").json()]
    assert order[-4:] == ["deleteMessage", "deleteMessage", "sendMessage", "sendMessage"]


def test_messages_from_before_the_history_are_deleted(conn: Conn, telegram: Telegram, settings: WorkerSettings) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET last_open_message_id = 700, last_closed_message_id = 800")
    telegram.add_earlier(broadcast.open_id, 700)
    telegram.add_earlier(broadcast.closed_id, 800)
    send(settings)
    assert [m["deleted"] for m in telegram.messages(broadcast.open_id)] == [True, False]
    assert [m["deleted"] for m in telegram.messages(broadcast.closed_id)] == [True, False]


@pytest.mark.parametrize("fault", ["message_gone", "message_kept"])
def test_message_that_can_not_be_deleted_any_more_is_tried_once(
    conn: Conn, telegram: Telegram, settings: WorkerSettings, fault: str
) -> None:
    broadcast = add_broadcast(conn)
    send(settings)
    telegram.order(fault, method="deleteMessage", count=2)
    for _ in range(2):
        make_due(conn, broadcast)
        assert send(settings).successful == 1
    assert len(telegram.requests("deleteMessage")) == 4
    assert parts(conn, broadcast) == SENT * 3


def test_old_chat_that_threw_the_bot_out_does_not_hold_up_the_new_messages(
    conn: Conn, telegram: Telegram, settings: WorkerSettings
) -> None:
    broadcast = add_broadcast(conn)
    send(settings)
    telegram.order("kicked", method="deleteMessage")
    make_due(conn, broadcast)
    assert send(settings).successful == 1
    # It is tried again next time: the bot may be back.
    make_due(conn, broadcast)
    send(settings)
    assert len(telegram.messages(deleted=False)) == 2


def test_deletion_without_an_answer_is_a_failure_and_nothing_is_sent(
    conn: Conn, telegram: Telegram, settings: WorkerSettings
) -> None:
    broadcast = add_broadcast(conn)
    send(settings)
    telegram.order("server_error", method="deleteMessage")
    make_due(conn, broadcast)
    assert [result.outcome for result in send(settings).results] == ["failed"]
    assert parts(conn, broadcast)[2:] == [("open", "failed", "not_deleted")]
    assert list(telegram.sent().values()) == [1, 1]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("kicked", "kicked"),
        ("chat_not_found", "chat_not_found"),
        ("no_rights", "no_rights"),
    ],
)
def test_part_that_failed_is_sent_again_alone(
    conn: Conn, telegram: Telegram, settings: WorkerSettings, fault: str, code: str
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order(fault, method="sendMessage", chat_id=broadcast.closed_id)
    done = send(settings)
    assert [result.outcome for result in done.results] == ["failed"]
    now = row(conn, broadcast)
    assert now["state"] == "failed"
    assert now["last_error_message"].startswith("Closed channel: ")
    assert now["last_error_message"] == done.results[0].error
    assert (now["failed_broadcasts"], now["consecutive_failures"]) == (1, 1)
    assert seconds(minutes=4) < now["due_in"] <= seconds(minutes=5)
    make_due(conn, broadcast)
    assert send(settings).successful == 1
    assert parts(conn, broadcast) == [("open", "sent", None), ("closed", "failed", code), ("closed", "sent", None)]
    assert outcomes(conn, broadcast) == ["sent"]
    assert telegram.sent() == {broadcast.open_id: 1, broadcast.closed_id: 1}
    assert row(conn, broadcast)["consecutive_failures"] == 0


# A proxy on the way answers with a page of its own: no channel is to blame for that.
@pytest.mark.parametrize(
    ("fault", "code", "stored"),
    [
        ({"fault": "server_error"}, "server_error", 0),
        ({"fault": "cut_before"}, "no_answer", 0),
        ({"fault": "cut_after"}, "no_answer", 1),
        ({"fault": "not_telegram", "status": 403}, "unexpected_answer", 0),
        ({"fault": "not_telegram", "status": 404}, "unexpected_answer", 0),
        ({"fault": "not_telegram", "status": 407}, "unexpected_answer", 0),
        ({"fault": "not_telegram", "status": 429}, "unexpected_answer", 0),
        ({"fault": "not_telegram", "status": 502}, "server_error", 0),
    ],
)
def test_part_of_unknown_fate_is_no_failure_and_not_repeated_before_its_next_turn(
    conn: Conn, telegram: Telegram, settings: WorkerSettings, fault: dict[str, Any], code: str, stored: int
) -> None:
    conn.execute("UPDATE broadcast.settings SET max_consecutive_failures = 1")
    broadcast = add_broadcast(conn)
    telegram.order(**fault, method="sendMessage", chat_id=broadcast.open_id)
    done = send(settings)
    assert [result.outcome for result in done.results] == ["unknown"]
    assert parts(conn, broadcast) == [("open", "unknown", code), ("closed", "sent", None)]
    assert telegram.sent() == {broadcast.closed_id: 1} | ({broadcast.open_id: 1} if stored else {})
    now = row(conn, broadcast)
    assert (now["state"], now["is_active"]) == ("unknown", True)
    assert (now["successful_broadcasts"], now["failed_broadcasts"], now["consecutive_failures"]) == (0, 0, 0)
    assert DAY - 600 < now["due_in"] <= DAY
    assert send(settings).results == []


@pytest.mark.parametrize(("timeout", "state", "code"), [(10, "sent", None), (0.2, "unknown", "no_answer")])
def test_slow_answer_is_waited_for_until_the_time_limit_and_its_message_is_the_only_one(
    conn: Conn, telegram: Telegram, settings: WorkerSettings, timeout: float, state: str, code: str | None
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("slow", method="sendMessage", chat_id=broadcast.open_id, seconds=1.5)
    send(settings.model_copy(update={"worker_send_timeout": timeout}))
    assert parts(conn, broadcast) == [("open", state, code), ("closed", "sent", None)]
    until(lambda: telegram.messages(broadcast.open_id), "Telegram has stored it")
    assert send(settings).results == []
    assert telegram.sent() == {broadcast.open_id: 1, broadcast.closed_id: 1}


def test_retry_after_is_obeyed_and_not_counted(conn: Conn, telegram: Telegram, settings: WorkerSettings) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("rate_limited", method="sendMessage", retry_after=1)
    assert [result.outcome for result in send(settings).results] == ["released"]
    held = conn.execute("SELECT next_slot > clock_timestamp() FROM broadcast.bot_slot").fetchone()
    assert held == (True,)
    assert telegram.messages() == []
    assert send(settings).successful == 1
    assert value(
        conn,
        "SELECT bool_and(sent.send_at >= refused.decided_at + interval '0.9 s')"
        " FROM broadcast.delivery_parts AS sent, broadcast.delivery_parts AS refused"
        " WHERE sent.state = 'sent' AND refused.error_code = 'rate_limited'",
    )
    assert parts(conn, broadcast) == [
        ("open", "failed", "rate_limited"),
        ("closed", "sent", None),
        ("open", "sent", None),
    ]
    assert (row(conn, broadcast)["failed_broadcasts"], row(conn, broadcast)["total_broadcasts"]) == (0, 1)


def test_nobody_claims_while_telegram_holds_the_bot_back(
    conn: Conn, telegram: Telegram, settings: WorkerSettings
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("rate_limited", method="sendMessage", retry_after=60)
    send(settings)
    assert send(settings).results == []
    assert row(conn, broadcast)["state"] == "queued"


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "rate_limited", "retry_after": 1},
        {"fault": "not_telegram", "status": 403},
        {"fault": "not_telegram", "status": 404},
        {"fault": "not_telegram", "status": 407},
        {"fault": "not_telegram", "status": 429},
    ],
)
def test_deletion_that_is_put_off_puts_off_the_messages_and_is_no_failure(
    conn: Conn, telegram: Telegram, settings: WorkerSettings, fault: dict[str, Any]
) -> None:
    conn.execute("UPDATE broadcast.settings SET max_consecutive_failures = 1")
    broadcast = add_broadcast(conn)
    assert send(settings).successful == 1
    make_due(conn, broadcast)
    telegram.order(**fault, method="deleteMessage")
    assert [result.outcome for result in send(settings).results] == ["released"]
    assert len(telegram.messages()) == 2
    assert send(settings).successful == 1
    assert len(telegram.messages(deleted=False)) == 2
    assert row(conn, broadcast)["total_broadcasts"] == 2


def test_telegram_that_can_not_be_reached_is_no_failure_of_the_broadcast(conn: Conn, settings: WorkerSettings) -> None:
    broadcast = add_broadcast(conn)

    async def deliver_one() -> str:
        # The port 9 of this machine is nobody's: the connection is refused before anything is sent.
        away = settings.model_copy(update={"telegram_api_base_url": "http://127.0.0.1:9"})
        async with worker_context(away) as context:
            (claim,) = await claim_due(context, "test", 1)
            return (await deliver(context, claim)).outcome

    assert asyncio.run(deliver_one()) == "released"
    assert parts(conn, broadcast) == [("open", "failed", "network")]
    now = row(conn, broadcast)
    assert (now["state"], now["total_broadcasts"], now["consecutive_failures"]) == ("queued", 0, 0)
    assert send(settings).successful == 1


def test_round_that_can_not_reach_telegram_claims_nothing(conn: Conn, settings: WorkerSettings) -> None:
    broadcast = add_broadcast(conn)
    with pytest.raises(RequestRefused) as refused:
        send(settings.model_copy(update={"telegram_api_base_url": "http://127.0.0.1:9"}))
    assert refused.value.refusal.kind.code == "network"
    assert outcomes(conn, broadcast) == []


def test_wrong_token_stops_with_one_sentence_and_counts_nothing(
    conn: Conn, telegram: Telegram, settings: WorkerSettings
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("unauthorized", method="sendMessage")
    with pytest.raises(TokenRefused, match="TELEGRAM_BOT_TOKEN"):
        send(settings)
    assert (row(conn, broadcast)["state"], row(conn, broadcast)["failed_broadcasts"]) == ("queued", 0)
    telegram.order("unauthorized", method="getMe")
    with pytest.raises(TokenRefused):
        send(settings)
