"""messages_to_delete(), record_message_deleted(), forget_old_deliveries(): what stands in a chat is not forgotten."""

import pytest

from tests.delivery.broadcasts import Broadcast, Conn, add_broadcast, make_due, outcomes
from tests.delivery.calls import claim, intend, record, send
from tests.functions.calls import value


def standing(conn: Conn, delivery: int) -> set[tuple[str, int]]:
    """What is to be deleted before this delivery."""
    return set(conn.execute("SELECT chat_id, message_id FROM broadcast.messages_to_delete(%s)", [delivery]))


def next_delivery(conn: Conn, broadcast: Broadcast) -> int:
    """The broadcast is due again, and claimed."""
    make_due(conn, broadcast)
    (delivery,) = claim(conn)
    return delivery


def deleted(conn: Conn, *messages: tuple[str, int]) -> None:
    """Telegram has deleted them."""
    for message in messages:
        conn.execute("SELECT broadcast.record_message_deleted(%s, %s)", message)


def test_message_that_could_not_be_deleted_is_tried_again_next_time(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    for number in (1, 2):
        delivery = next_delivery(conn, broadcast)
        intend(conn, delivery, "open")
        record(conn, delivery, "open", "sent", message_id=number)
        send(conn, delivery, "sent", "unknown")
    assert standing(conn, next_delivery(conn, broadcast)) == {(broadcast.open_id, 1), (broadcast.open_id, 2)}


def test_own_part_of_a_delivery_that_goes_on_is_not_deleted(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    send(conn, next_delivery(conn, broadcast), "sent", "kicked")
    assert standing(conn, next_delivery(conn, broadcast)) == set()


@pytest.mark.parametrize("column", ["open", "closed"])
def test_message_from_before_the_history_is_deleted_until_one_of_ours_has_taken_its_place(
    conn: Conn, column: str
) -> None:
    broadcast = add_broadcast(conn)
    conn.execute(f"UPDATE broadcast_manager SET last_{column}_message_id = 7".encode())
    legacy = {(broadcast.open_id if column == "open" else broadcast.closed_id, 7)}
    delivery = next_delivery(conn, broadcast)
    assert standing(conn, delivery) == legacy
    outcomes_now = ("kicked", "sent") if column == "open" else ("sent", "kicked")
    send(conn, delivery, *outcomes_now)
    # A click in between ends that delivery; the old message still stands.
    conn.execute("SELECT broadcast.request_broadcast(%s, %s)", [broadcast.id, broadcast.client])
    other = (broadcast.closed_id if column == "open" else broadcast.open_id, 100)
    anew = next_delivery(conn, broadcast)
    assert standing(conn, anew) == legacy | {other}
    deleted(conn, *legacy, other)
    send(conn, anew, "sent", "sent")
    assert standing(conn, next_delivery(conn, broadcast)) == {(broadcast.open_id, 100), (broadcast.closed_id, 100)}


def age(conn: Conn) -> None:
    """As if every delivery had ended a hundred days ago."""
    conn.execute(
        "UPDATE broadcast.deliveries SET finished_at = now() - interval '100 days' WHERE finished_at IS NOT NULL"
    )


def test_old_history_is_forgotten_but_for_messages_that_stand(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    send(conn, next_delivery(conn, broadcast), "sent", "sent")
    age(conn)
    assert value(conn, "SELECT broadcast.forget_old_deliveries()") == 0
    deleted(conn, (broadcast.open_id, 100), (broadcast.closed_id, 100))
    assert value(conn, "SELECT broadcast.forget_old_deliveries()") == 1
    assert value(conn, "SELECT count(*) FROM broadcast.delivery_parts") == 0


def test_young_and_unfinished_history_is_kept(conn: Conn) -> None:
    done, going = add_broadcast(conn), add_broadcast(conn)
    for delivery in claim(conn):
        send(conn, delivery, "unknown", "unknown")
    assert value(conn, "SELECT broadcast.forget_old_deliveries()") == 0
    next_delivery(conn, going)
    age(conn)
    assert value(conn, "SELECT broadcast.forget_old_deliveries()") == 2
    assert outcomes(conn, done) == []
    assert outcomes(conn, going) == [None]


def test_history_outlives_its_channel_and_is_not_kept_for_ever(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    send(conn, next_delivery(conn, broadcast), "sent", "sent")
    conn.execute("DELETE FROM main_clients_database")
    assert outcomes(conn, broadcast) == ["sent"]
    age(conn)
    assert value(conn, "SELECT broadcast.forget_old_deliveries()") == 1
