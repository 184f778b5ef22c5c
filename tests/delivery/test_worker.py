"""The worker as operators run it: a process, woken by NOTIFY or by its clock, stopped by a signal."""

import asyncio
import json
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from psycopg import sql

from pyapi.worker.context import worker_context
from pyapi.worker.delivery import claim_due, deliver
from pyapi.worker.loop import run_round, run_worker
from pyapi.worker.settings import WorkerSettings
from tests.delivery.broadcasts import Broadcast, Conn, add_broadcast, outcomes, parts, row
from tests.delivery.conftest import Process
from tests.functions.calls import value
from tools import databases
from tools.bot_api.server import TOKEN
from tools.databases import connect
from tools.telegram import Telegram, until

Start = Callable[..., Process]


def is_sent(conn: Conn, broadcast: Broadcast) -> bool:
    """Whether its last delivery has gone out in full."""
    return outcomes(conn, broadcast)[-1:] == ["sent"]


def trigger(conn: Conn, broadcast: Broadcast) -> None:
    """The click on Resend Notification."""
    conn.execute("SELECT broadcast.request_broadcast(%s, %s)", [broadcast.id, broadcast.client])


@pytest.fixture
def listens(database: str, superuser: Callable[[str], str]) -> Iterator[Callable[[], bool]]:
    """Tells whether a worker hears of manual triggers; only a superuser sees what others' sessions ran last."""
    query = "SELECT FROM pg_stat_activity WHERE query = 'LISTEN broadcast_manager_due' AND datname = current_database()"
    with connect(superuser(database)) as root:
        yield lambda: root.execute(query).fetchone() is not None


def test_manual_trigger_wakes_a_worker_that_never_polls(
    conn: Conn, start_worker: Start, telegram: Telegram, listens: Callable[[], bool]
) -> None:
    waiting = [add_broadcast(conn, due=False) for _ in range(3)]
    start_worker()
    until(listens, "a worker listens")
    # It looks twice without being woken, at its start and when it begins to listen: the third is the proof.
    for broadcast in waiting:
        trigger(conn, broadcast)
        until(partial(is_sent, conn, broadcast), "the broadcast is sent")
    assert len(telegram.messages()) == 6


def test_worker_without_notify_polls(conn: Conn, start_worker: Start) -> None:
    first, *others = [add_broadcast(conn, due=False) for _ in range(3)]
    start_worker(poll_seconds=0.2)
    for broadcast in (first, *others):
        # As any client may write it: nobody is notified.
        conn.execute("UPDATE broadcast_manager SET next_send_time = now() WHERE id = %s", [broadcast.id])
        until(partial(is_sent, conn, broadcast), "the broadcast is sent")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_lets_the_message_under_way_finish_and_gives_the_rest_back(
    conn: Conn, start_worker: Start, telegram: Telegram, listens: Callable[[], bool], number: signal.Signals
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("hold_before", method="sendMessage", chat_id=broadcast.open_id)
    process = start_worker()
    until(lambda: telegram.requests(chat_id=broadcast.open_id), "the request is under way")
    until(listens, "the worker listens")
    process.send_signal(number)
    # It takes nothing new from now on.
    until(lambda: not listens(), "the worker is stopping")
    telegram.release()
    assert process.wait(10) == 0
    assert parts(conn, broadcast) == [("open", "sent", None)]
    assert row(conn, broadcast)["state"] == "queued"
    start_worker()
    until(partial(is_sent, conn, broadcast), "another worker sends the rest")
    assert telegram.sent() == {broadcast.open_id: 1, broadcast.closed_id: 1}


def test_sigterm_ends_within_ten_seconds_whatever_telegram_does(
    conn: Conn, start_worker: Start, telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("hold_before", method="sendMessage")
    process = start_worker()
    until(lambda: telegram.requests(), "the request is under way")
    process.terminate()
    assert process.wait(10) == 0
    assert parts(conn, broadcast) == [("open", "unknown", "no_answer")]
    assert row(conn, broadcast)["state"] == "queued"


def test_worker_that_waits_for_its_turn_gives_it_back_on_sigterm(
    conn: Conn, start_worker: Start, telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("rate_limited", method="sendMessage", retry_after=4)
    process = start_worker()
    waiting = [("open", "failed", "rate_limited"), ("open", "intended", None)]
    until(lambda: parts(conn, broadcast) == waiting, "the part waits for its turn")
    process.terminate()
    assert process.wait(10) == 0
    assert row(conn, broadcast)["state"] == "queued"
    assert parts(conn, broadcast)[-1] == ("open", "failed", "worker_stopped")
    assert row(conn, broadcast)["consecutive_failures"] == 0


def test_worker_that_is_stopped_while_it_claims_gives_back_what_it_gets(
    conn: Conn, database: str, start_worker: Start, telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    waits = "SELECT count(*) FROM pg_locks WHERE relation = 'broadcast.bot_slot'::regclass AND NOT granted"
    with connect(database, autocommit=False) as other:
        other.execute("LOCK TABLE broadcast.bot_slot")
        process = start_worker()
        until(lambda: value(conn, waits), "the worker is claiming")
        process.terminate()
        assert process.stderr is not None
        assert any(b"worker.stopping" in line for line in process.stderr), "it was not told"
    assert process.wait(20) == 0
    assert row(conn, broadcast)["state"] == "queued"
    assert telegram.requests() == []


def test_killed_worker_leaves_unknown_what_it_was_sending_and_another_sends_the_rest(
    conn: Conn, start_worker: Start, telegram: Telegram
) -> None:
    conn.execute("UPDATE broadcast.settings SET claim_lease = '1 s'")
    broadcast = add_broadcast(conn)
    telegram.order("hold_before", method="sendMessage", chat_id=broadcast.open_id)
    process = start_worker()
    until(lambda: telegram.requests(chat_id=broadcast.open_id), "the request is under way")
    process.kill()
    telegram.release()
    start_worker(poll_seconds=0.2)
    until(lambda: outcomes(conn, broadcast) == ["unknown"], "the delivery has ended")
    assert parts(conn, broadcast) == [("open", "unknown", "not_heard_of"), ("closed", "sent", None)]
    assert len(telegram.requests(chat_id=broadcast.open_id)) == 1
    assert row(conn, broadcast)["state"] == "unknown"


def held_after_the_first_message(conn: Conn, start_worker: Start, telegram: Telegram) -> Broadcast:
    """A broadcast whose first message has arrived, while its worker still waits for the answer."""
    broadcast = add_broadcast(conn)
    telegram.order("hold_after", method="sendMessage", chat_id=broadcast.open_id)
    start_worker()
    until(lambda: telegram.requests(chat_id=broadcast.open_id), "the first message is under way")
    return broadcast


def test_channel_that_is_deleted_between_the_messages_gets_no_second_one(
    conn: Conn, start_worker: Start, telegram: Telegram
) -> None:
    broadcast = held_after_the_first_message(conn, start_worker, telegram)
    conn.execute("DELETE FROM main_clients_database WHERE open_channel_id = %s", [broadcast.open_id])
    telegram.release()
    until(lambda: outcomes(conn, broadcast) == ["channel_gone"], "the delivery has ended")
    assert telegram.sent() == {broadcast.open_id: 1}
    assert parts(conn, broadcast) == [("open", "sent", None)]


def test_channel_that_is_edited_between_the_messages_is_sent_as_it_is_now(
    conn: Conn, start_worker: Start, telegram: Telegram
) -> None:
    broadcast = held_after_the_first_message(conn, start_worker, telegram)
    conn.execute(
        "UPDATE main_clients_database SET closed_channel_donation_message = 'Edited', closed_channel_id = %s",
        ["-1009999999992"],
    )
    telegram.release()
    until(partial(is_sent, conn, broadcast), "the delivery has ended")
    assert [m["text"] for m in telegram.messages("-1009999999992")] == ["Edited"]
    assert telegram.sent() == {broadcast.open_id: 1, "-1009999999992": 1}


def test_database_that_goes_away_during_a_send_gets_the_record_when_it_is_back(
    conn: Conn,
    database: str,
    start_worker: Start,
    telegram: Telegram,
    superuser: Callable[[str], str],
    listens: Callable[[], bool],
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("hold_after", method="sendMessage", chat_id=broadcast.open_id)
    start_worker()
    until(lambda: telegram.requests(chat_id=broadcast.open_id), "the request is under way")
    with connect(superuser(database)) as root:
        name = sql.Identifier(databases.name_of(database))
        root.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 0").format(name))
        try:
            root.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'test_worker' AND datname = current_database()"
            )
            telegram.release()
            until(lambda: telegram.requests(chat_id=broadcast.open_id)[0]["answer"] == 200, "Telegram has answered")
        finally:
            root.execute(sql.SQL("ALTER DATABASE {} CONNECTION LIMIT -1").format(name))
    until(partial(is_sent, conn, broadcast), "the worker has come back to it")
    assert telegram.sent() == {broadcast.open_id: 1, broadcast.closed_id: 1}
    # And it hears again.
    until(listens, "the worker listens again")
    for _ in range(2):
        another = add_broadcast(conn, due=False)
        trigger(conn, another)
        until(partial(is_sent, conn, another), "a trigger is heard")


def test_worker_outlives_a_telegram_that_is_away_at_its_start(
    conn: Conn, start_worker: Start, telegram: Telegram
) -> None:
    telegram.order("server_error", method="getMe", count=2)
    broadcast = add_broadcast(conn)
    start_worker()
    until(partial(is_sent, conn, broadcast), "the broadcast is sent")
    assert len(telegram.requests("getMe")) == 3


def test_worker_with_a_wrong_token_ends_with_a_sentence(conn: Conn, start_worker: Start, telegram: Telegram) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("unauthorized", method="getMe")
    process = start_worker()
    _, error = process.communicate(timeout=30)
    assert process.returncode == 2
    assert b"TELEGRAM_BOT_TOKEN" in error.splitlines()[-1]
    assert b"Traceback" not in error
    assert outcomes(conn, broadcast) == []


def test_role_without_the_privileges_ends_with_a_sentence(conn: Conn, start_worker: Start) -> None:
    conn.execute("REVOKE EXECUTE ON FUNCTION broadcast.release_expired_claims() FROM broadcast_worker")
    try:
        process = start_worker()
        _, error = process.communicate(timeout=30)
        assert process.returncode == 2
        assert b"broadcast_worker" in error.splitlines()[-1]
    finally:
        conn.execute("GRANT EXECUTE ON FUNCTION broadcast.release_expired_claims() TO broadcast_worker")


def test_delivery_that_crashes_says_which_it_was_and_why(conn: Conn, start_worker: Start) -> None:
    broadcast = add_broadcast(conn)
    for function in ("next_step", "set_aside"):
        conn.execute(f"REVOKE EXECUTE ON FUNCTION broadcast.{function} FROM broadcast_worker".encode())
    process = start_worker()
    until(lambda: value(conn, "SELECT count(*) FROM broadcast.deliveries") == 1, "it is claimed")
    process.terminate()
    _, log = process.communicate(timeout=20)
    lines = [json.loads(line) for line in log.splitlines()]
    (crashed,) = [line for line in lines if line["event"] == "delivery.crashed"]
    del crashed["timestamp"]
    assert crashed == {
        "event": "delivery.crashed",
        "level": "error",
        "delivery_id": value(conn, "SELECT id FROM broadcast.deliveries"),
        "broadcast_id": str(broadcast.id),
        "client_id": str(broadcast.client),
        "reason": "InsufficientPrivilege",
        "sqlstate": "42501",
    }
    assert b"Traceback" not in log


def test_token_is_nowhere_in_the_log(conn: Conn, start_worker: Start, telegram: Telegram) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("cut_before", method="sendMessage")
    process = start_worker()
    until(lambda: outcomes(conn, broadcast)[-1:] == ["unknown"], "the delivery has ended")
    process.terminate()
    _, log = process.communicate(timeout=20)
    assert b"part.unknown" in log
    assert b"broadcast.unknown" in log
    assert TOKEN.partition(":")[2].encode() not in log


def test_claim_that_is_lost_while_waiting_for_its_turn_sends_nothing(
    conn: Conn, settings: WorkerSettings, telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast.bot_slot SET next_slot = now() + interval '3 s'")

    def take_away() -> None:
        until(lambda: parts(conn, broadcast) == [("open", "intended", None)], "the part waits for its turn")
        # As if the worker's machine had slept.
        conn.execute("UPDATE broadcast.deliveries SET lease_until = now()")
        assert value(conn, "SELECT broadcast.release_expired_claims()") == 1

    async def held_up() -> str:
        async with worker_context(settings) as context:
            (claim,) = await claim_due(context, "test", 1)
            delivered, _ = await asyncio.gather(deliver(context, claim), asyncio.to_thread(take_away))
            return delivered.outcome

    assert asyncio.run(held_up()) == "lost"
    assert telegram.requests() == []
    # That it was not sent is known now, so that whoever takes over may send it.
    assert parts(conn, broadcast) == [("open", "failed", "worker_stopped")]
    assert asyncio.run(run_round(settings)).successful == 1


def test_claim_that_is_lost_while_the_machine_is_suspended_sends_nothing(
    conn: Conn, settings: WorkerSettings, telegram: Telegram, monkeypatch: pytest.MonkeyPatch
) -> None:
    broadcast = add_broadcast(conn)
    clock = iter([0.0, 3600.0])

    def suspended() -> float:
        # The second look at the clock is the one after the part was noted.
        if parts(conn, broadcast):
            conn.execute("UPDATE broadcast.deliveries SET lease_until = now()")
            assert value(conn, "SELECT broadcast.release_expired_claims()") == 1
        return next(clock)

    monkeypatch.setattr("pyapi.worker.delivery._boot_time", suspended)

    async def held_up() -> str:
        async with worker_context(settings) as context:
            (claim,) = await claim_due(context, "test", 1)
            return (await deliver(context, claim)).outcome

    assert asyncio.run(held_up()) == "lost"
    assert telegram.requests() == []


def test_worker_sends_so_many_at_once_and_no_more(conn: Conn, settings: WorkerSettings, telegram: Telegram) -> None:
    for _ in range(6):
        add_broadcast(conn)
    telegram.order("hold_before", method="sendMessage", count=6)
    most: list[int] = []

    async def watched() -> None:
        stop = asyncio.Event()
        limited = settings.model_copy(update={"worker_concurrency": 3, "worker_poll_seconds": 3600.0})
        worker = asyncio.create_task(run_worker(limited, stop))

        def under_way() -> int:
            return sum(request["answer"] is None for request in telegram.requests())

        def all_sent() -> bool:
            most.append(under_way())
            telegram.release()
            return len(telegram.messages()) == 12

        await asyncio.to_thread(until, lambda: under_way() == 3, "three are under way")
        claimed: Any = conn.execute("SELECT count(*) FROM broadcast_manager WHERE broadcast_status = 'in_progress'")
        assert claimed.fetchone() == (3,)
        await asyncio.to_thread(until, all_sent, "all are sent")
        stop.set()
        await worker

    asyncio.run(watched())
    assert max(most) <= 3
