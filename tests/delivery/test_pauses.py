"""Pause, resume, skip the next, and what is too late: nothing overdue goes out at once."""

import pytest

from tests.delivery.broadcasts import Broadcast, Conn, add_broadcast, make_due, outcomes, parts, row, seconds
from tests.delivery.calls import claim, finish, intend, record, send, send_due
from tests.functions.calls import at_once, refused, value

OVERDUE = "UPDATE broadcast_manager SET next_send_time = now() - interval '%s'"


def ask(conn: Conn, what: str, broadcast: Broadcast) -> None:
    """As the owner: pause, skip, reactivate or request."""
    conn.execute(f"SELECT broadcast.{what}_broadcast(%s, %s)".encode(), [broadcast.id, broadcast.client])


def test_paused_broadcast_is_off_by_its_owner_and_resumes_at_its_next_turn(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    ask(conn, "pause", broadcast)
    assert (row(conn, broadcast)["state"], row(conn, broadcast)["off_reason"]) == ("off", "owner")
    conn.execute((OVERDUE % "50 hours").encode())
    assert claim(conn) == []
    ask(conn, "reactivate", broadcast)
    now = row(conn, broadcast)
    assert (now["is_active"], now["off_reason"]) == (True, None)
    assert now["due_in"] == pytest.approx(seconds(hours=22), abs=60)
    assert claim(conn) == []


def test_pause_leaves_a_turn_that_lies_ahead_where_it_is(conn: Conn) -> None:
    broadcast = add_broadcast(conn, due=False)
    planned = row(conn, broadcast)["next_send_time"]
    for what in ("pause", "reactivate"):
        ask(conn, what, broadcast)
    assert row(conn, broadcast)["next_send_time"] == planned


def test_reactivation_of_what_is_on_takes_no_turn_from_it(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    ask(conn, "reactivate", broadcast)
    assert len(claim(conn)) == 1


def test_reactivation_at_once_is_a_manual_trigger(conn: Conn) -> None:
    broadcast = add_broadcast(conn, due=False)
    now = "SELECT broadcast.reactivate_broadcast(%s, %s, TRUE)"
    ask(conn, "pause", broadcast)
    conn.execute(now, [broadcast.id, broadcast.client])
    assert send_due(conn, "sent", "sent") == "sent"
    assert value(conn, "SELECT cause FROM broadcast.deliveries") == "by_hand"
    ask(conn, "pause", broadcast)
    with refused("BM014"):
        conn.execute(now, [broadcast.id, broadcast.client])
    assert row(conn, broadcast)["is_active"] is False


def test_pause_keeps_the_reason_of_what_is_off_already(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("SELECT broadcast.switch_off(%s, 'failures')", [broadcast.id])
    ask(conn, "pause", broadcast)
    assert row(conn, broadcast)["off_reason"] == "failures"


@pytest.mark.parametrize("resumed", [False, True])
def test_pause_during_a_send_lets_it_end_and_nothing_after_it(conn: Conn, resumed: bool) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    intend(conn, delivery, "open")
    record(conn, delivery, "open", "sent")
    ask(conn, "pause", broadcast)
    if resumed:
        ask(conn, "reactivate", broadcast)
    assert row(conn, broadcast)["state"] == "sending"
    intend(conn, delivery, "closed")
    record(conn, delivery, "closed", "sent")
    assert finish(conn, delivery) == "sent"
    now = row(conn, broadcast)
    assert (now["is_active"], now["state"]) == (resumed, "sent" if resumed else "off")
    assert now["due_in"] == pytest.approx(seconds(hours=24), abs=60)


def test_half_of_a_broadcast_is_not_sent_after_a_pause(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    assert send_due(conn, "sent", "kicked") == "failed"
    ask(conn, "pause", broadcast)
    assert outcomes(conn, broadcast) == ["failed"]
    ask(conn, "reactivate", broadcast)
    make_due(conn, broadcast)
    assert send_due(conn, "sent", "sent") == "sent"
    assert [part for part, _, _ in parts(conn, broadcast)] == ["open", "closed", "open", "closed"]


def test_skipped_turn_is_in_the_history_and_the_next_one_is_sent(conn: Conn) -> None:
    broadcast = add_broadcast(conn, due=False)
    ask(conn, "skip", broadcast)
    now = row(conn, broadcast)
    assert (now["state"], now["is_active"]) == ("scheduled", True)
    assert now["due_in"] == pytest.approx(seconds(hours=48), abs=60)
    assert outcomes(conn, broadcast) == ["skipped"]
    assert value(conn, "SELECT error_code FROM broadcast.deliveries") == "skipped_by_owner"
    assert value(conn, "SELECT due_at = now() + interval '24 hours' FROM broadcast.deliveries") is False
    make_due(conn, broadcast)
    assert send_due(conn, "sent", "sent") == "sent"


def test_skip_ends_what_was_to_be_tried_again(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    assert send_due(conn, "kicked", "sent") == "failed"
    ask(conn, "skip", broadcast)
    assert outcomes(conn, broadcast) == ["skipped"]


def test_skip_is_refused_while_sending_and_while_off(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    with refused("BM013"):
        ask(conn, "skip", broadcast)
    send(conn, delivery, "sent", "sent")
    ask(conn, "pause", broadcast)
    with refused("BM012"):
        ask(conn, "skip", broadcast)


@pytest.mark.parametrize("what", ["pause", "skip", "reactivate", "request"])
def test_nobody_else_may(conn: Conn, what: str) -> None:
    mine, others = add_broadcast(conn), add_broadcast(conn)
    with refused("BM011"):
        ask(conn, what, Broadcast(others.id, mine.client, "", ""))
    conn.execute("DELETE FROM main_clients_database")
    with refused("BM010"):
        ask(conn, what, mine)


def test_of_a_pause_and_claims_at_once_either_comes_first_and_nothing_is_half(database: str, conn: Conn) -> None:
    made = [add_broadcast(conn) for _ in range(20)]

    def pause_or_claim(own: Conn) -> None:
        if own.info.backend_pid % 2:
            for broadcast in made:
                ask(own, "pause", broadcast)
        else:
            claim(own, str(own.info.backend_pid), 20)

    assert set(at_once(database, 6, pause_or_claim)) <= {"00000", "40P01"}
    for broadcast in made:
        ask(conn, "pause", broadcast)
        now = row(conn, broadcast)
        assert (now["is_active"], now["off_reason"]) == (False, "owner")
        assert outcomes(conn, broadcast) == ([None] if now["state"] == "sending" else [])


def test_what_is_too_late_is_skipped_and_sent_at_its_next_turn(conn: Conn) -> None:
    late, in_time = add_broadcast(conn), add_broadcast(conn)
    conn.execute((OVERDUE % "7 hours").encode())
    conn.execute("UPDATE broadcast_manager SET next_send_time = now() - interval '5 h' WHERE id = %s", [in_time.id])
    assert len(claim(conn)) == 1
    assert (outcomes(conn, late), outcomes(conn, in_time)) == (["skipped"], [None])
    assert row(conn, late)["due_in"] == pytest.approx(seconds(hours=17), abs=60)
    assert value(conn, "SELECT error_code FROM broadcast.deliveries WHERE outcome = 'skipped'") == "too_late"
    make_due(conn, late)
    assert len(claim(conn)) == 1


@pytest.mark.parametrize("lateness", ["NULL", "'100 hours'"])
def test_lateness_is_a_setting(conn: Conn, lateness: str) -> None:
    add_broadcast(conn)
    conn.execute((OVERDUE % "50 hours").encode())
    conn.execute(f"UPDATE broadcast.settings SET max_lateness = {lateness}".encode())
    assert len(claim(conn)) == 1


def test_what_was_asked_for_by_hand_is_never_too_late_nor_is_its_retry(conn: Conn) -> None:
    broadcast = add_broadcast(conn, due=False)
    ask(conn, "request", broadcast)
    conn.execute(
        "UPDATE broadcast_manager SET next_send_time = next_send_time - interval '9 h',"
        " last_manual_trigger_time = last_manual_trigger_time - interval '9 h'"
    )
    assert send_due(conn, "sent", "kicked") == "failed"
    conn.execute((OVERDUE % "9 hours").encode())
    assert send_due(conn, "sent", "sent") == "sent"
    assert outcomes(conn, broadcast) == ["sent"]


def test_nothing_is_skipped_while_sending_is_off(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute((OVERDUE % "50 hours").encode())
    conn.execute("SELECT broadcast.set_sending(FALSE)")
    assert claim(conn) == []
    assert outcomes(conn, broadcast) == []


def test_one_row_that_cannot_be_written_does_not_keep_the_others(conn: Conn) -> None:
    broken, late = add_broadcast(conn), add_broadcast(conn)
    conn.execute((OVERDUE % "50 hours").encode())
    conn.execute(
        f"ALTER TABLE broadcast_manager ADD CHECK (id <> '{broken.id}' OR next_send_time < now()) NOT VALID".encode()
    )
    assert claim(conn) == []
    assert (outcomes(conn, broken), outcomes(conn, late)) == ([], ["skipped"])


def test_owner_is_told_of_the_first_failure_the_end_and_the_recovery(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET max_consecutive_failures = 3")

    def told() -> list[str]:
        return [kind for (kind,) in conn.execute("SELECT kind FROM broadcast.notices ORDER BY id")]

    for expected in (["failed"], ["failed"], ["failed", "switched_off"]):
        make_due(conn, broadcast)
        send_due(conn, "kicked", "kicked")
        assert told() == expected
    ask(conn, "reactivate", broadcast)
    for _ in range(2):
        make_due(conn, broadcast)
        send_due(conn, "sent", "sent")
        assert told() == ["failed", "switched_off", "recovered"]


def test_notice_is_shown_to_its_owner_until_it_is_put_away(conn: Conn) -> None:
    broadcast, other = add_broadcast(conn), add_broadcast(conn)
    shown = "SELECT count(*) FROM broadcast.client_notices(%s)"
    for delivery in claim(conn):
        send(conn, delivery, "kicked", "kicked")
    notice = value(conn, "SELECT id FROM broadcast.client_notices(%s)", broadcast.client)
    conn.execute("SELECT broadcast.dismiss_notice(%s, %s)", [notice, other.client])
    assert value(conn, shown, broadcast.client) == 1
    conn.execute("SELECT broadcast.dismiss_notice(%s, %s)", [notice, broadcast.client])
    assert (value(conn, shown, broadcast.client), value(conn, shown, other.client)) == (0, 1)
    conn.execute("UPDATE broadcast.notices SET noted_at = now() - interval '91 days'")
    conn.execute("SELECT broadcast.forget_old_deliveries()")
    assert value(conn, "SELECT count(*) FROM broadcast.notices") == 0


def test_history_tells_each_delivery_with_its_parts_by_outcome_and_page(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    history = "SELECT broadcast.client_deliveries(%s, %s, %s, %s, %s)"
    assert send_due(conn, "kicked", "sent") == "failed"
    make_due(conn, broadcast)
    assert send_due(conn, "sent", "sent") == "sent"
    ask(conn, "skip", broadcast)
    ask(conn, "request", broadcast)
    claim(conn)
    mine = [broadcast.id, broadcast.client]
    found = value(conn, history, *mine, None, None, 3)
    assert [d["outcome"] for d in found] == ["sending", "skipped", "sent"]
    assert [d["cause"] for d in found] == ["by_hand", "schedule", "schedule"]
    assert [(p["part"], p["state"], p["attempts"]) for p in found[2]["parts"]] == [
        ("open", "sent", 2),
        ("closed", "sent", 1),
    ]
    assert [d["outcome"] for d in value(conn, history, *mine, None, found[0]["id"], 1)] == ["skipped"]
    assert [d["id"] for d in value(conn, history, *mine, "sent", None, 30)] == [found[2]["id"]]
    last = conn.execute("SELECT outcomes FROM broadcast.last_deliveries(%s, %s)", [broadcast.client, [broadcast.id]])
    assert last.fetchone() == (["sent", "skipped", "waiting"],)
    with refused("BM011"):
        value(conn, history, broadcast.id, add_broadcast(conn).client, None, None, 30)
