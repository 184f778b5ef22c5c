"""claim_due_broadcasts(), release_expired_claims() and the lease: a broadcast is one worker's at a time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.delivery.broadcasts import Conn, add_broadcast, outcomes, parts, row
from tests.delivery.calls import claim, finish, intend, record, send
from tests.functions.calls import refused, value
from tools.databases import connect


def test_eight_workers_at_once_never_get_the_same(conn: Conn, database: str) -> None:
    for _ in range(120):
        add_broadcast(conn)
    ready = Barrier(8)

    def take(number: int) -> list[int]:
        taken: list[int] = []
        with connect(database) as own:
            ready.wait()
            while got := claim(own, f"worker {number}", 5):
                assert len(got) <= 5
                taken += got
        return taken

    with ThreadPoolExecutor(8) as pool:
        taken = [delivery for got in pool.map(take, range(8)) for delivery in got]
    # Who looks while others hold locks may go home early: what is left is there for the next look.
    taken += claim(conn, "the last", 120)
    assert len(taken) == 120
    assert len(set(taken)) == 120
    assert value(conn, "SELECT count(*) FROM broadcast_manager WHERE broadcast_status = 'in_progress'") == 120


@pytest.mark.parametrize(
    "change",
    [
        "is_active = FALSE",
        "next_send_time = now() + interval '1 minute'",
        "broadcast_status = 'skipped'",
        "broadcast_status = 'in_progress'",
    ],
)
def test_only_what_is_due_is_claimed(conn: Conn, change: str) -> None:
    add_broadcast(conn)
    conn.execute(f"UPDATE broadcast_manager SET {change}".encode())
    assert claim(conn) == []


@pytest.mark.parametrize("status", ["pending", "completed", "failed"])
def test_what_is_due_is_claimed_the_longest_waiting_first(conn: Conn, status: str) -> None:
    young, old = add_broadcast(conn), add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET broadcast_status = %s", [status])
    conn.execute("UPDATE broadcast_manager SET next_send_time = now() - interval '1 h' WHERE id = %s", [old.id])
    (first,) = claim(conn, count=1)
    assert value(conn, "SELECT broadcast_id FROM broadcast.deliveries WHERE id = %s", first) == old.id
    assert row(conn, old)["state"] == "sending"
    assert row(conn, young)["state"] == "queued"


def test_claim_of_another_is_none_of_nobodys_however_long_it_takes(conn: Conn) -> None:
    add_broadcast(conn)
    assert len(claim(conn)) == 1
    conn.execute("UPDATE broadcast_manager SET updated_at = '-infinity'")
    assert claim(conn, "another") == []


def test_broadcast_that_is_sent_can_not_be_triggered(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    claim(conn)
    with refused("BM013"):
        conn.execute("SELECT broadcast.request_broadcast(%s, %s)", [broadcast.id, broadcast.client])


def test_claim_within_its_lease_is_left_alone(conn: Conn) -> None:
    add_broadcast(conn)
    claim(conn)
    assert value(conn, "SELECT broadcast.release_expired_claims()") == 0


def test_claim_that_can_not_be_ended_holds_up_no_other(conn: Conn) -> None:
    full, other = add_broadcast(conn), add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET total_broadcasts = 2147483647 WHERE id = %s", [full.id])
    for delivery in claim(conn):
        for part in ("open", "closed"):
            intend(conn, delivery, part)
            record(conn, delivery, part, "sent")
    conn.execute("UPDATE broadcast.deliveries SET lease_until = now()")
    assert value(conn, "SELECT broadcast.release_expired_claims()") == 1
    assert (row(conn, full)["state"], row(conn, other)["state"]) == ("failed", "sent")


def test_claim_of_a_silent_worker_comes_back(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET claim_lease = '1 microsecond'")
    (delivery,) = claim(conn, "silent")
    assert value(conn, "SELECT broadcast.release_expired_claims()") == 1
    assert row(conn, broadcast)["state"] == "queued"
    conn.execute("UPDATE broadcast.settings SET claim_lease = '1 minute'")
    assert claim(conn, "next") == [delivery]
    # The silent one has nothing to say any more.
    assert intend(conn, delivery, "open", "silent") is None
    assert finish(conn, delivery, "silent") == "lost"
    assert row(conn, broadcast)["state"] == "sending"
    assert send(conn, delivery, "sent", "sent", "next") == "sent"


def test_part_that_a_silent_worker_was_sending_is_unknown_and_the_other_goes_out(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET claim_lease = '1 microsecond'")
    (delivery,) = claim(conn, "silent")
    assert intend(conn, delivery, "open", "silent")
    assert value(conn, "SELECT broadcast.release_expired_claims()") == 1
    assert parts(conn, broadcast) == [("open", "unknown", "not_heard_of")]
    conn.execute("UPDATE broadcast.settings SET claim_lease = '1 minute'")
    assert claim(conn, "next") == [delivery]
    assert intend(conn, delivery, "open", "next") is None
    assert send(conn, delivery, "sent", "sent", "next") == "unknown"
    assert parts(conn, broadcast) == [("open", "unknown", "not_heard_of"), ("closed", "sent", None)]


def test_what_a_silent_worker_learns_late_is_noted(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET claim_lease = '1 microsecond'")
    (delivery,) = claim(conn)
    intend(conn, delivery, "open")
    value(conn, "SELECT broadcast.release_expired_claims()")
    record(conn, delivery, "open", "sent", message_id=7)
    assert parts(conn, broadcast) == [("open", "sent", None)]
    assert row(conn, broadcast)["last_open_message_id"] == 7


def test_intending_a_part_renews_the_lease(conn: Conn) -> None:
    add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET claim_lease = '1 microsecond'")
    (delivery,) = claim(conn)
    conn.execute("UPDATE broadcast.settings SET claim_lease = '1 minute'")
    intend(conn, delivery, "open")
    assert value(conn, "SELECT broadcast.release_expired_claims()") == 0


def test_claim_that_ends_with_a_part_still_intended_leaves_it_unknown(conn: Conn) -> None:
    # Otherwise nobody could send it and nobody would end it: it would be claimed for ever.
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    intend(conn, delivery, "open")
    assert finish(conn, delivery) == "released"
    assert parts(conn, broadcast) == [("open", "unknown", "not_heard_of")]
    assert claim(conn) == [delivery]
    assert send(conn, delivery, "sent", "sent") == "unknown"


def test_manual_trigger_gives_up_what_failed_in_part_and_both_go_out_anew(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    assert send(conn, delivery, "sent", "kicked") == "failed"
    conn.execute("SELECT broadcast.request_broadcast(%s, %s)", [broadcast.id, broadcast.client])
    assert outcomes(conn, broadcast) == ["superseded"]
    (anew,) = claim(conn)
    assert anew != delivery
    assert conn.execute("SELECT * FROM broadcast.messages_to_delete(%s)", [anew]).fetchall() == [
        (broadcast.open_id, 100)
    ]
    assert send(conn, anew, "sent", "sent") == "sent"
    assert outcomes(conn, broadcast) == ["superseded", "sent"]


def test_two_deliveries_of_one_broadcast_are_refused(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    claim(conn)
    with refused("23505"):
        conn.execute("INSERT INTO broadcast.deliveries (broadcast_id) VALUES (%s)", [broadcast.id])


def test_channel_that_is_gone_ends_the_delivery(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    intend(conn, delivery, "open")
    record(conn, delivery, "open", "sent")
    conn.execute("DELETE FROM main_clients_database WHERE open_channel_id = %s", [broadcast.open_id])
    assert intend(conn, delivery, "closed") is None
    assert finish(conn, delivery) == "channel_gone"
    assert outcomes(conn, broadcast) == ["channel_gone"]
