"""Broadcast rows that do not fit their channels: put right or put into the quarantine, complete and with the reason."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.adoption.states import Conn, add_broadcast, broadcast, pairs_and_ids, quarantine, taken
from tests.migrations.builds import revision_named
from tools import databases

LONG_AGO = datetime(2025, 3, 1, tzinfo=UTC)
HISTORY = {
    "total_broadcasts": 12,
    "successful_broadcasts": 11,
    "failed_broadcasts": 1,
    "last_sent_time": LONG_AGO,
    "last_error_message": "chat not found; 100% :sure",
    "created_at": LONG_AGO,
}


def row_of(conn: Conn, broadcast_id: uuid.UUID) -> dict[str, Any]:
    row = broadcast(conn, broadcast_id)
    assert row is not None
    return row


def test_adoption_row_of_a_deleted_channel_goes_to_quarantine(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    orphan = add_broadcast(old, client, ("-1001", "-1002"), **HISTORY)
    before = row_of(old, orphan)
    taken(old_database)
    assert quarantine(old) == [("channel_gone", orphan, before)]
    assert pairs_and_ids(old) == {}


def test_adoption_row_whose_owner_is_gone_goes_to_quarantine(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE broadcast_manager DROP CONSTRAINT fk_broadcast_client")
    gone = add_broadcast(old, uuid.uuid4(), ("-1001", "-1002"))
    owner = databases.add_user(old)
    wrong = add_broadcast(old, uuid.uuid4(), databases.add_channel(old, owner))
    taken(old_database)
    assert {(reason, i) for reason, i, _ in quarantine(old)} == {("channel_gone", gone), ("owner_corrected", wrong)}
    assert row_of(old, wrong)["client_id"] == str(owner)


def test_adoption_row_of_an_edited_pair_goes_to_quarantine(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    orphan = add_broadcast(old, client, (databases.new_channel_id(), pair[1]), **HISTORY)
    before = row_of(old, orphan)
    taken(old_database)
    assert quarantine(old) == [("channel_gone", orphan, before)]
    created = databases.broadcast_id(old, pair)
    assert created is not None
    assert row_of(old, created)["total_broadcasts"] == 0


@pytest.mark.parametrize("nobody", [False, True], ids=["another owner", "no owner"])
def test_adoption_wrong_owner_is_corrected_and_keeps_id_and_history(old_database: str, old: Conn, nobody: bool) -> None:
    owner, stranger = databases.add_user(old), databases.add_user(old)
    old.execute("ALTER TABLE broadcast_manager ALTER client_id DROP NOT NULL")
    wrong = add_broadcast(old, None if nobody else stranger, databases.add_channel(old, owner), **HISTORY)
    before = row_of(old, wrong)
    taken(old_database)
    assert quarantine(old) == [("owner_corrected", wrong, before)]
    assert row_of(old, wrong) == before | {"client_id": str(owner)}


@pytest.mark.parametrize("pair", [(None, "-1002"), ("-1001", None), (None, None)])
def test_adoption_row_without_ids_goes_to_quarantine(
    old_database: str, old: Conn, pair: tuple[str | None, str | None]
) -> None:
    old.execute(
        "ALTER TABLE broadcast_manager ALTER client_id DROP NOT NULL,"
        " ALTER open_channel_id DROP NOT NULL, ALTER closed_channel_id DROP NOT NULL"
    )
    client = databases.add_user(old)
    incomplete = {add_broadcast(old, owner, pair) for owner in (client, None)}
    taken(old_database)
    assert {(reason, i) for reason, i, _ in quarantine(old)} == {("channel_gone", i) for i in incomplete}


@pytest.mark.parametrize(
    ("best", "others"),
    [
        ({"total_broadcasts": 3}, [{"total_broadcasts": 2, "last_sent_time": LONG_AGO}, {"total_broadcasts": None}]),
        (
            {"total_broadcasts": 3, "last_sent_time": LONG_AGO + timedelta(1)},
            [{"total_broadcasts": 3, "last_sent_time": t} for t in (LONG_AGO, None)],
        ),
        ({"created_at": LONG_AGO}, [{"created_at": LONG_AGO + timedelta(n)} for n in (1, 2)]),
    ],
    ids=["most broadcasts", "latest sent", "oldest"],
)
@pytest.mark.parametrize("best_comes_last", [False, True])
def test_adoption_of_several_rows_for_one_pair_the_one_with_most_history_stays(
    old_database: str, old: Conn, best: dict[str, Any], others: list[dict[str, Any]], best_comes_last: bool
) -> None:
    old.execute("ALTER TABLE broadcast_manager DROP CONSTRAINT unique_channel_pair")
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    order = [*others, best] if best_comes_last else [best, *others]
    ids = [add_broadcast(old, client, pair, **columns) for columns in order]
    stays = ids[-1 if best_comes_last else 0]
    before = {i: row_of(old, i) for i in ids}
    taken(old_database)
    assert pairs_and_ids(old) == {pair: stays}
    assert row_of(old, stays) == before[stays]
    rest = {i: row for reason, i, row in quarantine(old) if reason == "duplicate"}
    assert rest == {i: before[i] for i in ids if i != stays}


def test_adoption_edited_pair_with_one_candidate_is_relinked_with_its_history(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    orphan = add_broadcast(old, client, (pair[0], databases.new_channel_id()), **HISTORY)
    before = row_of(old, orphan)
    taken(old_database)
    assert quarantine(old) == [("relinked", orphan, before)]
    assert row_of(old, orphan) == before | {"closed_channel_id": pair[1]}


def test_adoption_edited_pair_with_two_candidates_is_not_relinked(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    open_id = databases.new_channel_id()
    pairs = {databases.add_channel(old, client, open_id) for _ in range(2)}
    orphan = add_broadcast(old, client, (open_id, databases.new_channel_id()), **HISTORY)
    taken(old_database)
    assert [(reason, i) for reason, i, _ in quarantine(old)] == [("channel_gone", orphan)]
    assert pairs_and_ids(old).keys() == pairs


def test_adoption_edited_pair_is_not_relinked_to_a_channel_with_a_row_or_of_another(
    old_database: str, old: Conn
) -> None:
    client, stranger = databases.add_user(old), databases.add_user(old)
    open_id = databases.new_channel_id()
    own = add_broadcast(old, client, databases.add_channel(old, client, open_id))
    databases.add_channel(old, stranger, open_id)
    orphan = add_broadcast(old, client, (open_id, databases.new_channel_id()), **HISTORY)
    taken(old_database)
    assert [(reason, i) for reason, i, _ in quarantine(old)] == [("channel_gone", orphan)]
    assert row_of(old, own)["client_id"] == str(client)


def test_adoption_of_two_rows_for_one_edited_pair_the_one_with_most_history_is_relinked(
    old_database: str, old: Conn
) -> None:
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    poor = add_broadcast(old, client, (pair[0], databases.new_channel_id()), total_broadcasts=1)
    rich = add_broadcast(old, client, (pair[0], databases.new_channel_id()), total_broadcasts=9)
    taken(old_database)
    assert pairs_and_ids(old) == {pair: rich}
    assert [(reason, i) for reason, i, _ in quarantine(old)] == [("relinked", rich), ("channel_gone", poor)]


def test_adoption_rows_that_swapped_owners_are_both_corrected(old_database: str, old: Conn) -> None:
    first, second = databases.add_user(old), databases.add_user(old)
    ids = {
        add_broadcast(old, second, databases.add_channel(old, first)): str(first),
        add_broadcast(old, first, databases.add_channel(old, second)): str(second),
    }
    taken(old_database)
    assert {i: row_of(old, i)["client_id"] for i in ids} == ids


def test_adoption_more_rows_than_one_batch_are_repaired(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    old.execute(
        "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)"
        " SELECT %s, (10000000 + n)::text, '-1001' FROM generate_series(1, 2500) AS n",
        [client],
    )
    taken(old_database)
    assert len(quarantine(old)) == 2500
    assert pairs_and_ids(old) == {}


BRING_BACK = """
WITH fresh AS (
    DELETE FROM public.broadcast_manager AS b
    USING broadcast.quarantine AS q
    WHERE
        q.id = %s
        AND b.open_channel_id = q.broadcast_row ->> 'open_channel_id'
        AND b.closed_channel_id = q.broadcast_row ->> 'closed_channel_id'
    RETURNING b AS fresh_row, q.broadcast_row || jsonb_build_object('client_id', b.client_id) AS kept_row
)

INSERT INTO public.broadcast_manager
SELECT r.*
FROM fresh AS f
CROSS JOIN LATERAL jsonb_populate_record(f.fresh_row, f.kept_row) AS r
RETURNING id
"""


def test_adoption_row_can_be_brought_back_once_its_channel_is_there_again(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    pair = databases.new_channel_id(), databases.new_channel_id()
    orphan = add_broadcast(old, client, pair, **HISTORY)
    before = row_of(old, orphan)
    taken(old_database)
    number = old.execute("SELECT id FROM broadcast.quarantine").fetchone()
    assert number is not None
    # Without the channel nothing happens.
    assert old.execute(BRING_BACK, number).fetchall() == []
    databases.add_channel(old, client, *pair)
    assert old.execute(BRING_BACK, number).fetchall() == [(orphan,)]
    assert row_of(old, orphan) == before
    assert pairs_and_ids(old) == {pair: orphan}


def test_adoption_row_that_a_client_holds_holds_up_no_neighbour(old_database: str, old: Conn) -> None:
    owner, stranger = databases.add_user(old), databases.add_user(old)
    held, *free = (add_broadcast(old, stranger, databases.add_channel(old, owner)) for _ in range(3))
    databases.upgrade(old_database, revision_named("rule"))
    with databases.connect(old_database) as other, other.transaction():
        other.execute("SELECT FROM broadcast_manager WHERE id = %s FOR UPDATE", [held])
        old.execute("CALL broadcast.repair_broadcasts()")
        assert {i for _, i, _ in quarantine(old)} == set(free)
    taken(old_database)
    assert {i for _, i, _ in quarantine(old)} == {held, *free}


def test_adoption_row_that_can_not_be_repaired_holds_up_no_neighbour(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    orphans = [add_broadcast(old, client, (databases.new_channel_id(), "-1001")) for _ in range(3)]
    databases.upgrade(old_database, revision_named("rule"))
    old.execute("CREATE TABLE sent (broadcast_id uuid REFERENCES broadcast_manager (id))")
    old.execute("INSERT INTO sent VALUES (%s)", [orphans[0]])
    old.execute("CALL broadcast.repair_broadcasts()")
    assert {i for _, i, _ in quarantine(old)} == set(orphans[1:])
    old.execute("DROP TABLE sent")
    taken(old_database)
    assert {i for _, i, _ in quarantine(old)} == set(orphans)
