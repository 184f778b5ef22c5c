"""next_step(): notes what came of the last request and tells the next, in one call that may be made twice."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.delivery.broadcasts import Conn, add_broadcast, make_due, outcomes, parts, row
from tests.delivery.calls import claim, finish, send, step
from tests.delivery.conftest import Process
from tests.delivery.test_database_errors import UNREADABLE_VALUE
from tests.functions.calls import value
from tools.telegram import Telegram, until

Report = dict[str, Any]
OPEN_SENT: Report = {"part": "open", "attempt": 1, "outcome": "sent", "message_id": 11}
CLOSED_SENT: Report = {"part": "closed", "attempt": 1, "outcome": "sent", "message_id": 12}


def failed(part: str, code: str) -> Report:
    return {"part": part, "attempt": 1, "outcome": "failed", "error_code": code, "error_message": f"{part}: {code}"}


@pytest.fixture
def again(conn: Conn) -> tuple[Any, int]:
    """A broadcast that was sent before, and its claim."""
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    assert send(conn, delivery, "sent", "sent") == "sent"
    make_due(conn, broadcast)
    return broadcast, claim(conn)[0]


def test_old_messages_go_first_then_the_open_part_then_the_closed_one(conn: Conn, again: tuple[Any, int]) -> None:
    broadcast, delivery = again
    old = [{"chat_id": chat, "message_id": 100} for chat in (broadcast.open_id, broadcast.closed_id)]
    first = step(conn, delivery)
    assert sorted(first["to_delete"], key=lambda m: m["chat_id"]) == sorted(old, key=lambda m: m["chat_id"])
    assert "next_attempt" not in first
    second = step(conn, delivery, deleted=Jsonb(first["to_delete"]))
    assert (second["next_part"], second["next_attempt"], second["chat_id"]) == ("open", 1, broadcast.open_id)
    third = step(conn, delivery, **OPEN_SENT)
    assert (third["next_part"], third["next_attempt"], third["chat_id"]) == ("closed", 1, broadcast.closed_id)
    assert step(conn, delivery, **CLOSED_SENT)["ended_as"] == "sent"
    assert parts(conn, broadcast)[-2:] == [("open", "sent", None), ("closed", "sent", None)]
    assert value(conn, "SELECT count(*) FROM broadcast.delivery_parts WHERE deleted_at IS NULL") == 2
    assert row(conn, broadcast)["total_broadcasts"] == 2


def test_step_whose_answer_was_lost_is_told_again_and_nothing_is_noted_twice(
    conn: Conn, again: tuple[Any, int]
) -> None:
    broadcast, delivery = again
    deleted = Jsonb(step(conn, delivery)["to_delete"])
    for report in ({}, {"deleted": deleted}, OPEN_SENT):
        assert step(conn, delivery, **report) == step(conn, delivery, **report)
    assert step(conn, delivery, **CLOSED_SENT)["ended_as"] == "sent"
    assert step(conn, delivery, **CLOSED_SENT)["ended_as"] == "lost"
    assert parts(conn, broadcast)[-2:] == [("open", "sent", None), ("closed", "sent", None)]
    assert row(conn, broadcast)["total_broadcasts"] == 2


def test_part_that_was_intended_is_not_told_to_who_reports_nothing(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    assert step(conn, delivery)["next_part"] == "open"
    assert step(conn, delivery)["next_part"] == "closed"
    assert finish(conn, delivery) == "unknown"
    assert [state for _, state, _ in parts(conn, broadcast)] == ["unknown", "unknown"]


@pytest.mark.parametrize(
    ("code", "closed_is_sent"), [("kicked", True), ("rate_limited", False), ("network", False), ("unauthorized", False)]
)
def test_closed_part_is_sent_beside_a_failed_one_unless_nothing_can_be_sent_now(
    conn: Conn, code: str, closed_is_sent: bool
) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    step(conn, delivery)
    told = step(conn, delivery, **failed("open", code))
    assert ("ended_as" in told) is not closed_is_sent
    if closed_is_sent:
        assert step(conn, delivery, **CLOSED_SENT)["ended_as"] == "failed"
    else:
        assert told["ended_as"] == "released"
    assert row(conn, broadcast)["consecutive_failures"] == int(closed_is_sent)


def test_nothing_is_sent_beside_a_message_that_may_still_stand(conn: Conn, again: tuple[Any, int]) -> None:
    broadcast, delivery = again
    step(conn, delivery)
    why = {"error_code": "not_deleted", "error_message": "It could not be deleted."}
    assert step(conn, delivery, deleted=Jsonb([]), **why)["ended_as"] == "failed"
    assert parts(conn, broadcast)[-1] == ("open", "failed", "not_deleted")
    assert row(conn, broadcast)["last_error_message"] == "It could not be deleted."


def test_what_was_sent_is_noted_also_when_the_claim_is_lost(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    step(conn, delivery)
    assert finish(conn, delivery) == "released"
    assert step(conn, delivery, **OPEN_SENT)["ended_as"] == "lost"
    assert parts(conn, broadcast) == [("open", "sent", None)]
    assert row(conn, broadcast)["last_open_message_id"] == 11


def test_deleted_channel_ends_the_delivery_between_two_parts(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    step(conn, delivery)
    conn.execute("DELETE FROM main_clients_database")
    assert step(conn, delivery, **OPEN_SENT)["ended_as"] == "channel_gone"
    assert outcomes(conn, broadcast) == ["channel_gone"]


def test_channel_is_sent_as_it_is_when_the_part_is_intended(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    step(conn, delivery)
    conn.execute("UPDATE main_clients_database SET closed_channel_id = '-1009999999993', sub_1_price = 7")
    told = step(conn, delivery, **OPEN_SENT)
    assert (told["chat_id"], told["open_channel_id"], told["sub_1_price"]) == ("-1009999999993", broadcast.open_id, 7)


def test_what_was_sent_is_noted_also_when_the_next_step_cannot_be_had(
    conn: Conn, start_worker: Callable[..., Process], telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("hold_before", method="sendMessage", chat_id=broadcast.open_id)
    start_worker()
    until(lambda: telegram.requests(chat_id=broadcast.open_id), "the request is under way")
    conn.execute(UNREADABLE_VALUE)
    telegram.release()
    until(lambda: row(conn, broadcast)["state"] == "failed", "it is set aside")
    assert parts(conn, broadcast) == [("open", "sent", None)]
