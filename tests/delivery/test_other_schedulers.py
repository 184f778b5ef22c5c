"""A scheduler and an API of before beside our worker: what they mark is theirs, and what is ours is sent once."""

import asyncio
from collections.abc import Callable

import pytest

from pyapi.worker.loop import run_round
from pyapi.worker.settings import WorkerSettings
from tests.delivery.broadcasts import Broadcast, Conn, add_broadcast, outcomes, row
from tests.delivery.calls import claim, finish, intend, record, send
from tests.delivery.conftest import Process
from tests.functions.calls import refused, value
from tools.bot_api.server import TOKEN
from tools.telegram import Telegram, until


class OldScheduler:
    """Reads once what is due, then marks, sends and completes one after the other; it knows no claims.

    Args:
        touches: whether its mark sets updated_at.
    """

    def __init__(self, conn: Conn, telegram: Telegram, *, touches: bool = False) -> None:
        self._conn = conn
        self._telegram = telegram
        self._touch = ", updated_at = now()" if touches else ""
        self.due: list[tuple[object, str, str]] = []

    def read(self) -> None:
        """Read the list."""
        self.due = self._conn.execute(
            "SELECT id, open_channel_id, closed_channel_id FROM broadcast_manager"
            " WHERE is_active AND broadcast_status = 'pending' AND next_send_time <= now()"
        ).fetchall()

    def mark(self) -> None:
        """Mark the first of the list."""
        self._conn.execute(
            f"UPDATE broadcast_manager SET broadcast_status = 'in_progress', next_send_time = now(){self._touch}"
            " WHERE id = %s",
            [self.due[0][0]],
        )

    def send(self) -> None:
        """Send and complete the first of the list."""
        broadcast_id, *chats = self.due.pop(0)
        for chat in chats:
            asked = {"chat_id": chat, "text": "from before", "parse_mode": "HTML"}
            assert self._telegram.http.post(f"/bot{TOKEN}/sendMessage", data=asked).status_code == 200
        self._conn.execute(
            "UPDATE broadcast_manager SET broadcast_status = 'completed', next_send_time = now() + interval '1 day'"
            " WHERE id = %s",
            [broadcast_id],
        )


def look(conn: Conn) -> None:
    """What a worker does every few seconds, beside claiming."""
    conn.execute("SELECT broadcast.release_expired_claims(), broadcast.note_foreign_marks()")


def lease_passes(conn: Conn) -> None:
    """As if the lease had gone by since the marks were seen."""
    conn.execute("UPDATE broadcast.foreign_marks SET seen_at = seen_at - (SELECT claim_lease FROM broadcast.settings)")


@pytest.mark.parametrize("touches", [False, True])
@pytest.mark.parametrize("updated", ["-infinity", "now"])
def test_what_another_marks_is_not_taken_while_it_sends(
    conn: Conn, settings: WorkerSettings, telegram: Telegram, touches: bool, updated: str
) -> None:
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET updated_at = %s", [updated])
    old = OldScheduler(conn, telegram, touches=touches)
    old.read()
    old.mark()
    assert asyncio.run(run_round(settings)).results == []
    assert asyncio.run(run_round(settings)).results == []
    old.send()
    assert asyncio.run(run_round(settings)).results == []
    assert telegram.sent() == {broadcast.open_id: 1, broadcast.closed_id: 1}


def test_what_another_left_marked_is_claimed_when_it_was_seen_unchanged_for_a_lease(conn: Conn) -> None:
    # As a scheduler leaves it that ended in mid-send, or a restore of the three tables without the history.
    broadcast = add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET broadcast_status = 'in_progress', updated_at = '-infinity'")
    assert claim(conn) == []
    look(conn)
    assert claim(conn) == []
    lease_passes(conn)
    look(conn)
    assert len(claim(conn)) == 1
    assert outcomes(conn, broadcast) == [None]


@pytest.mark.parametrize(
    "sign_of_life",
    [
        "UPDATE broadcast_manager SET next_send_time = next_send_time",
        "UPDATE broadcast_manager SET last_open_message_id = 5",
        "UPDATE broadcast_manager SET broadcast_status = 'completed';"
        " UPDATE broadcast_manager SET broadcast_status = 'in_progress'",
    ],
)
@pytest.mark.parametrize("seen", [True, False])
def test_any_write_of_the_other_begins_the_lease_anew(conn: Conn, sign_of_life: str, seen: bool) -> None:
    add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET broadcast_status = 'in_progress'")
    look(conn)
    lease_passes(conn)
    conn.execute(sign_of_life.encode())
    if seen:
        look(conn)
    assert claim(conn) == []
    look(conn)
    lease_passes(conn)
    assert len(claim(conn)) == 1


def test_marks_that_are_gone_are_forgotten(conn: Conn) -> None:
    add_broadcast(conn)
    conn.execute("UPDATE broadcast_manager SET broadcast_status = 'in_progress'")
    look(conn)
    assert value(conn, "SELECT count(*) FROM broadcast.foreign_marks") == 1
    conn.execute("UPDATE broadcast_manager SET broadcast_status = 'completed'")
    look(conn)
    assert value(conn, "SELECT count(*) FROM broadcast.foreign_marks") == 0


def test_a_mark_on_what_we_have_sent_in_part_is_respected_and_then_gone_on_with(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    assert send(conn, delivery, "sent", "network") == "released"
    conn.execute("UPDATE broadcast_manager SET broadcast_status = 'in_progress'")
    look(conn)
    assert claim(conn) == []
    lease_passes(conn)
    assert claim(conn) == [delivery]
    assert send(conn, delivery, "sent", "sent") == "sent"
    assert outcomes(conn, broadcast) == ["sent"]


def set_anew(conn: Conn, broadcast: Broadcast) -> None:
    """The manual trigger of the API of before."""
    conn.execute(
        "UPDATE broadcast_manager SET broadcast_status = 'pending', next_send_time = now() WHERE id = %s",
        [broadcast.id],
    )


def test_a_delivery_under_way_is_not_claimed_again_and_the_click_counts_after_it(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn, "first")
    intend(conn, delivery, "open", "first")
    set_anew(conn, broadcast)
    look(conn)
    assert claim(conn, "second") == []
    with refused("BM013"):
        conn.execute("SELECT broadcast.request_broadcast(%s, %s)", [broadcast.id, broadcast.client])
    record(conn, delivery, "open", "sent")
    intend(conn, delivery, "closed", "first")
    record(conn, delivery, "closed", "sent", message_id=101)
    assert finish(conn, delivery, "first") == "sent"
    assert (row(conn, broadcast)["state"], row(conn, broadcast)["successful_broadcasts"]) == ("queued", 1)
    (anew,) = claim(conn, "second")
    assert anew != delivery
    assert send(conn, anew, "sent", "sent", "second") == "sent"
    assert row(conn, broadcast)["state"] == "sent"


@pytest.mark.parametrize("status", ["pending", "completed", "skipped"])
@pytest.mark.parametrize(("ends", "outcome"), [("sent", "sent"), ("kicked", "failed"), ("network", "released")])
def test_what_another_wrote_while_we_were_sending_stands(conn: Conn, status: str, ends: str, outcome: str) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn)
    conn.execute(
        "UPDATE broadcast_manager SET broadcast_status = %s, next_send_time = now() + interval '1 hour'", [status]
    )
    assert send(conn, delivery, "sent", ends) == outcome
    now = row(conn, broadcast)
    assert now["broadcast_status"] == status
    assert 3500 < now["due_in"] <= 3600


def test_a_claim_that_ran_out_comes_back_also_when_another_set_the_row_anew(conn: Conn) -> None:
    broadcast = add_broadcast(conn)
    (delivery,) = claim(conn, "silent")
    intend(conn, delivery, "open", "silent")
    set_anew(conn, broadcast)
    conn.execute("UPDATE broadcast.deliveries SET lease_until = now() - interval '1 s'")
    assert claim(conn, "next") == []
    look(conn)
    assert claim(conn, "next") == [delivery]
    assert send(conn, delivery, "sent", "sent", "next") == "unknown"


def test_a_click_of_before_while_a_worker_sends_doubles_no_message(
    conn: Conn, start_worker: Callable[..., Process], telegram: Telegram
) -> None:
    broadcast = add_broadcast(conn)
    telegram.order("hold_after", method="sendMessage", chat_id=broadcast.open_id)
    start_worker(poll_seconds=0.05)
    start_worker(poll_seconds=0.05)
    until(lambda: telegram.requests(chat_id=broadcast.open_id), "the request is under way")
    set_anew(conn, broadcast)
    look(conn)
    assert claim(conn) == []
    telegram.release()
    until(lambda: outcomes(conn, broadcast) == ["sent", "sent"], "the click is honoured by a turn of its own")
    standing = telegram.messages(deleted=False)
    assert sorted(message["chat_id"] for message in standing) == sorted([broadcast.open_id, broadcast.closed_id])


def test_only_what_the_other_read_before_goes_out_twice(
    conn: Conn, settings: WorkerSettings, telegram: Telegram
) -> None:
    # docs/delivery.md says so: who has read its list looks at no row again.
    known = add_broadcast(conn)
    old = OldScheduler(conn, telegram)
    old.read()
    later = add_broadcast(conn)
    assert asyncio.run(run_round(settings)).successful == 2
    old.mark()
    old.send()
    old.read()
    assert old.due == []
    assert telegram.sent() == {known.open_id: 2, known.closed_id: 2, later.open_id: 1, later.closed_id: 1}


def test_with_sending_off_the_other_has_it_all_to_itself(
    conn: Conn, start_worker: Callable[..., Process], telegram: Telegram
) -> None:
    conn.execute("SELECT broadcast.set_sending(FALSE)")
    broadcasts = [add_broadcast(conn) for _ in range(3)]
    process = start_worker(poll_seconds=0.05)
    assert process.stderr is not None
    assert any(b"sending.off" in line for line in process.stderr)
    old = OldScheduler(conn, telegram)
    old.read()
    while old.due:
        old.mark()
        old.send()
    assert set(telegram.sent().values()) == {1}
    assert [outcomes(conn, broadcast) for broadcast in broadcasts] == [[], [], []]
