"""intend_part(), record_part() and finish_broadcast(): a part goes out once, and its end is counted as it should be."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest

from tests.delivery.broadcasts import Conn, add_broadcast, make_due, outcomes, parts, row, seconds
from tests.delivery.calls import claim, finish, intend, record, send
from tests.functions.calls import refused, value
from tools.databases import connect

DAY = seconds(days=1)


def test_part_is_intended_once_however_many_ask(conn: Conn, database: str) -> None:
    add_broadcast(conn)
    (delivery,) = claim(conn)

    def ask(_: int) -> bool:
        with connect(database) as own:
            return intend(own, delivery, "open") is not None

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(ask, range(8))) == 1


@pytest.mark.parametrize("outcome", ["sent", "unknown"])
def test_key_refuses_a_second_message_of_a_part(conn: Conn, outcome: str) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    intend(conn, delivery, "open")
    record(conn, delivery, "open", outcome)
    assert intend(conn, delivery, "open") is None
    with refused("23505"):
        conn.execute(
            "INSERT INTO broadcast.delivery_parts (delivery_id, part, attempt, chat_id, send_at)"
            " VALUES (%s, 'open', 2, %s, now())",
            [delivery, broadcast.open_id],
        )


def test_part_that_surely_failed_may_be_tried_again_and_alone(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    assert send(conn, delivery, "kicked", "sent") == "failed"
    make_due(conn, broadcast)
    assert claim(conn) == [delivery]
    assert intend(conn, delivery, "closed") is None
    assert send(conn, delivery, "sent", "sent") == "sent"
    assert parts(conn, broadcast) == [("open", "failed", "kicked"), ("closed", "sent", None), ("open", "sent", None)]
    now = row(conn, broadcast)
    assert (now["total_broadcasts"], now["successful_broadcasts"], now["failed_broadcasts"]) == (2, 1, 1)
    assert (now["consecutive_failures"], now["last_error_message"]) == (0, None)


def test_record_that_comes_late_leaves_later_attempts_alone(conn: Conn) -> None:
    # Written, its answer lost, written again: meanwhile another worker is sending the part.
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    send(conn, delivery, "kicked", "sent")
    make_due(conn, broadcast)
    claim(conn, "next")
    assert (intend(conn, delivery, "open", "next") or (0,))[0] == 2
    record(conn, delivery, "open", "failed", attempt=1, error_code="kicked")
    assert intend(conn, delivery, "open", "next") is None
    record(conn, delivery, "open", "sent", attempt=2)
    assert finish(conn, delivery, "next") == "sent"


def test_record_says_the_same_twice(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    intend(conn, delivery, "open")
    for number in (7, 8):
        record(conn, delivery, "open", "sent", message_id=number)
    assert value(conn, "SELECT message_id FROM broadcast.delivery_parts") == 7
    assert parts(conn, broadcast) == [("open", "sent", None)]


def test_pauses_double_up_to_the_longest(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET max_consecutive_failures = 9, max_retry_pause = '1 h'")
    pauses = []
    for _ in range(6):
        make_due(conn, broadcast)
        (delivery,) = claim(conn)
        assert send(conn, delivery, "kicked", "sent") == "failed"
        pauses.append(round(row(conn, broadcast)["due_in"] / 60))
    assert pauses == [5, 10, 20, 40, 60, 60]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_so_many_failures_in_a_row_switch_it_off(conn: Conn, most: int) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET max_consecutive_failures = %s", [most])
    ends = []
    for _ in range(most):
        make_due(conn, broadcast)
        (delivery,) = claim(conn)
        ends.append(send(conn, delivery, "chat_not_found", "chat_not_found"))
    assert ends == ["failed"] * (most - 1) + ["switched_off"]
    now = row(conn, broadcast)
    assert (now["state"], now["consecutive_failures"], now["failed_broadcasts"]) == ("off", most, most)
    assert now["off_reason"] == "failures"
    assert now["last_error_message"] == "closed: chat_not_found"
    assert outcomes(conn, broadcast) == ["failed"]
    make_due(conn, broadcast)
    assert claim(conn) == []
    conn.execute("SELECT broadcast.reactivate_broadcast(%s, %s)", [broadcast.id, broadcast.client])
    assert row(conn, broadcast)["off_reason"] is None
    # At its next turn, not at once.
    assert claim(conn) == []
    make_due(conn, broadcast)
    assert len(claim(conn)) == 1


@pytest.mark.parametrize("code", ["rate_limited", "network", "unauthorized", "worker_stopped"])
def test_what_is_no_fault_of_the_channel_is_not_counted(conn: Conn, code: str) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    assert send(conn, delivery, "sent", code) == "released"
    now = row(conn, broadcast)
    assert (now["state"], now["total_broadcasts"], now["consecutive_failures"]) == ("queued", 0, 0)
    assert claim(conn) == [delivery]
    assert send(conn, delivery, "kicked", "sent") == "sent"


@pytest.mark.parametrize(("opened", "closed"), [("unknown", "sent"), ("sent", "unknown"), ("unknown", "unknown")])
def test_unknown_is_final_until_the_next_turn_and_no_failure(conn: Conn, opened: str, closed: str) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET consecutive_failures = 2")
    (delivery,) = claim(conn)
    assert send(conn, delivery, opened, closed) == "unknown"
    now = row(conn, broadcast)
    assert (now["state"], now["consecutive_failures"]) == ("unknown", 2)
    assert (now["total_broadcasts"], now["successful_broadcasts"], now["failed_broadcasts"]) == (1, 0, 0)
    assert DAY - 600 < now["due_in"] <= DAY
    assert claim(conn) == []
    make_due(conn, broadcast)
    assert claim(conn) != [delivery]


def test_unknown_part_beside_a_failed_one_is_not_repeated(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    assert send(conn, delivery, "unknown", "kicked") == "failed"
    make_due(conn, broadcast)
    claim(conn)
    assert intend(conn, delivery, "open") is None
    assert send(conn, delivery, "sent", "sent") == "unknown"


def test_messages_are_spread_over_time_for_all_workers_together(conn: Conn, database: str) -> None:
    for _ in range(20):
        add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET messages_per_second = 10")
    deliveries = claim(conn)

    def both(delivery: int) -> None:
        with connect(database) as own:
            intend(own, delivery, "open")
            intend(own, delivery, "closed")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(both, deliveries))
    times = [at for (at,) in conn.execute("SELECT send_at FROM broadcast.delivery_parts ORDER BY 1")]
    assert len(times) == 40
    # A microsecond less, since times are kept to one.
    assert min((b - a).total_seconds() for a, b in pairwise(times)) >= 0.1 - 2e-6


def test_messages_to_one_chat_are_spread_over_time_for_all_workers_together(conn: Conn, database: str) -> None:
    conn.execute("UPDATE broadcast.settings SET chat_interval = '1 s'")
    first = add_broadcast(conn)
    for _ in range(7):
        other = add_broadcast(conn)
        conn.execute(
            "UPDATE main_clients_database SET open_channel_id = %s WHERE open_channel_id = %s",
            [first.open_id, other.open_id],
        )

    def one(delivery: int) -> None:
        with connect(database) as own:
            intend(own, delivery, "open")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, claim(conn)))
    times = [at for (at,) in conn.execute("SELECT send_at FROM broadcast.delivery_parts ORDER BY 1")]
    assert len(times) == 8
    assert min((b - a).total_seconds() for a, b in pairwise(times)) >= 1


def test_message_that_waits_for_its_chat_takes_its_share_of_the_rate(conn: Conn) -> None:
    conn.execute("UPDATE broadcast.settings SET messages_per_second = 10, chat_interval = '1 s'")
    first = add_broadcast(conn)
    conn.execute(
        "UPDATE main_clients_database SET open_channel_id = %s WHERE open_channel_id = %s",
        [first.open_id, add_broadcast(conn).open_id],
    )
    began = value(conn, "SELECT clock_timestamp()")
    for delivery in claim(conn):
        intend(conn, delivery, "open")
        intend(conn, delivery, "closed")
    # Four messages: the next one may go 0.4 s after the first, though one of the four goes later.
    taken = value(conn, "SELECT extract(epoch FROM next_slot - %s)::float8 FROM broadcast.bot_slot", began)
    assert taken >= 0.4 - 1e-5
    assert (
        value(conn, "SELECT extract(epoch FROM max(send_at) - min(send_at))::float8 FROM broadcast.delivery_parts") >= 1
    )


def test_rate_must_be_a_number(conn: Conn) -> None:
    # Greater than zero, says PostgreSQL of it.
    with refused("23514"):
        conn.execute("UPDATE broadcast.settings SET messages_per_second = 'NaN'")


def test_without_limits_nothing_waits(conn: Conn) -> None:
    add_broadcast(conn)
    (delivery,) = claim(conn)
    for part in ("open", "closed"):
        intend(conn, delivery, part)
    assert value(conn, "SELECT bool_and(send_at <= clock_timestamp()) FROM broadcast.delivery_parts") is True


@pytest.mark.parametrize("rates", ["NULL", "30"])
def test_retry_after_holds_every_worker(conn: Conn, rates: str) -> None:
    conn.execute(f"UPDATE broadcast.settings SET messages_per_second = {rates}".encode())
    add_broadcast(conn)
    add_broadcast(conn)
    asked, claimed = claim(conn)
    intend(conn, asked, "open")
    record(conn, asked, "open", "failed", error_code="rate_limited", retry_after="1 minute")
    # A shorter pause does not end a longer one.
    record(conn, asked, "open", "failed", error_code="rate_limited", retry_after="1 second")
    assert finish(conn, asked) == "released"
    intend(conn, claimed, "open")
    query = "SELECT send_at > now() + interval '50 s' FROM broadcast.delivery_parts WHERE state = 'intended'"
    assert value(conn, query) is True
    assert claim(conn, "other") == []
    conn.execute("UPDATE broadcast.bot_slot SET next_slot = now()")
    assert claim(conn, "other") == [asked]
