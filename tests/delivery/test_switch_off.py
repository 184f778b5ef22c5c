"""switch_off() and off_reason(): why a broadcast is off is kept, and no delivery switches it on again."""

import pytest

from tests.delivery.broadcasts import Conn, add_broadcast, make_due, row
from tests.delivery.calls import claim, send
from tests.functions.calls import refused, value


@pytest.mark.parametrize("reason", ["owner", "operator"])
@pytest.mark.parametrize(
    ("open_outcome", "closed_outcome", "end"),
    [("kicked", "kicked", "failed"), ("sent", "network", "released"), ("sent", "sent", "sent")],
)
def test_broadcast_switched_off_during_its_delivery_stays_off_for_its_reason(
    conn: Conn, reason: str, open_outcome: str, closed_outcome: str, end: str
) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast.settings SET max_consecutive_failures = 1")
    (delivery,) = claim(conn)
    conn.execute("SELECT broadcast.switch_off(%s, %s)", [broadcast.id, reason])
    assert row(conn, broadcast)["state"] == "sending"
    assert send(conn, delivery, open_outcome, closed_outcome) == end
    now = row(conn, broadcast)
    assert (now["is_active"], now["state"], now["off_reason"]) == (False, "off", reason)
    assert now["consecutive_failures"] == (1 if end == "failed" else 0)
    make_due(conn, broadcast)
    assert claim(conn) == []


def test_reactivation_forgets_the_reason(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("SELECT broadcast.switch_off(%s, 'owner')", [broadcast.id])
    conn.execute("SELECT broadcast.reactivate_broadcast(%s, %s)", [broadcast.id, broadcast.client])
    assert (row(conn, broadcast)["is_active"], row(conn, broadcast)["off_reason"]) == (True, None)
    conn.execute("UPDATE broadcast_manager SET is_active = FALSE")
    assert row(conn, broadcast)["off_reason"] == "other"


def test_last_reason_counts(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    for reason in ("owner", "operator"):
        conn.execute("SELECT broadcast.switch_off(%s, %s)", [broadcast.id, reason])
    assert row(conn, broadcast)["off_reason"] == "operator"


def test_reason_must_be_one_of_three(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    with refused("23514"):
        conn.execute("SELECT broadcast.switch_off(%s, 'mood')", [broadcast.id])
    assert row(conn, broadcast)["is_active"] is True


@pytest.mark.parametrize("end", ["UPDATE broadcast_manager SET is_active = TRUE", "DELETE FROM main_clients_database"])
def test_reasons_of_what_is_on_again_or_gone_are_forgotten(conn: Conn, end: str) -> None:
    conn.execute("SELECT broadcast.switch_off(%s, 'owner')", [add_broadcast(conn).id])
    conn.execute(end.encode())
    off = add_broadcast(conn)
    conn.execute("SELECT broadcast.switch_off(%s, 'owner')", [off.id])
    conn.execute("SELECT broadcast.forget_old_deliveries()")
    assert value(conn, "SELECT array_agg(broadcast_id) FROM broadcast.switched_off") == [off.id]
