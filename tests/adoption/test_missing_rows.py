"""Databases that lack tables or rows: what is missing is created, once."""

import uuid

import psycopg
import pytest

from tests.adoption.states import Conn, add_broadcast, add_many_channels, broadcast, pairs_and_ids, picture, taken
from tests.migrations.builds import revision_named
from tools import databases

NOT_CONFIGURED = uuid.UUID("7e1018e4-5644-4031-a05c-4166cc877264")

INITIAL_STATE = {
    "broadcast_status": "pending",
    "is_active": True,
    "last_sent_time": None,
    "last_manual_trigger_time": None,
    "manual_trigger_count": 0,
    "total_broadcasts": 0,
    "successful_broadcasts": 0,
    "failed_broadcasts": 0,
    "consecutive_failures": 0,
}


def test_adoption_empty_database_gets_all_tables(empty_database: str) -> None:
    taken(empty_database)
    with databases.connect(empty_database) as conn:
        pair = databases.add_channel(conn, databases.add_user(conn))
        assert databases.broadcast_id(conn, pair) is not None


def test_adoption_users_and_channels_only_broadcasts_are_created_and_filled(old_database: str, old: Conn) -> None:
    old.execute("DROP TABLE broadcast_manager")
    add_many_channels(old, databases.add_user(old), 2500)
    taken(old_database)
    assert len(pairs_and_ids(old)) == 2500


def test_adoption_missing_rows_are_created_as_for_new_channels(old_database: str, old: Conn) -> None:
    client = databases.add_user(old, NOT_CONFIGURED)
    pairs = [databases.add_channel(old, client) for _ in range(3)]
    other = databases.add_user(old)
    kept_pair = databases.add_channel(old, other)
    kept = add_broadcast(old, other, kept_pair, total_broadcasts=7, broadcast_status="completed")
    before = broadcast(old, kept)
    taken(old_database)
    for pair in pairs:
        created = databases.broadcast_id(old, pair)
        assert created is not None
        row = broadcast(old, created)
        assert row is not None
        assert row["client_id"] == str(client)
        assert row.items() >= INITIAL_STATE.items()
        assert row["next_send_time"] is not None
    assert databases.broadcast_id(old, kept_pair) == kept
    assert broadcast(old, kept) == before


def test_adoption_backfill_run_twice_gives_the_same_ids(old_database: str, old: Conn) -> None:
    add_many_channels(old, databases.add_user(old), 5)
    databases.upgrade(old_database)
    ids = pairs_and_ids(old)
    assert old.execute("CALL broadcast.backfill_broadcasts()").fetchone() == (0, 0)
    old.execute("CALL broadcast.repair_broadcasts()")
    assert pairs_and_ids(old) == ids


def test_adoption_upgrade_and_downgrade_and_upgrade_keep_the_same_ids(old_database: str, old: Conn) -> None:
    add_many_channels(old, databases.add_user(old), 5)
    databases.upgrade(old_database)
    before = picture(old_database)
    databases.downgrade(old_database)
    taken(old_database)
    after = picture(old_database)
    assert after.rows["broadcast_manager"] == before.rows["broadcast_manager"]
    assert after.facts == before.facts


def test_adoption_channel_held_by_a_client_is_finished_by_running_again(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    held, free = databases.add_channel(old, client), databases.add_channel(old, client)
    databases.upgrade(old_database, revision_named("rule"))
    with databases.connect(old_database) as other, other.transaction():
        other.execute("SELECT FROM main_clients_database WHERE open_channel_id = %s FOR UPDATE", [held[0]])
        old.execute("CALL broadcast.backfill_broadcasts()")
        assert pairs_and_ids(old).keys() == {free}
    taken(old_database)
    assert pairs_and_ids(old).keys() == {held, free}


def test_adoption_rule_works_on_the_adopted_database(old_database: str, old: Conn) -> None:
    client, heir = databases.add_user(old), databases.add_user(old)
    adopted = databases.add_channel(old, client)
    taken(old_database)
    kept = databases.broadcast_id(old, adopted)
    # G1
    pair = databases.add_channel(old, client)
    assert databases.broadcast_id(old, pair) is not None
    # G2
    old.execute(
        "UPDATE main_clients_database SET client_id = %s, closed_channel_id = '-1001' || right(closed_channel_id, 9)"
        " WHERE open_channel_id = %s",
        [heir, adopted[0]],
    )
    row = broadcast(old, kept) if kept else None
    assert row is not None
    assert (row["client_id"], row["open_channel_id"]) == (str(heir), adopted[0])
    # G4, G5
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as refusal:
        old.execute("DELETE FROM broadcast_manager WHERE id = %s", [kept])
    assert refusal.value.diag.constraint_name == "main_clients_database_pair_fkey"
    with pytest.raises(psycopg.errors.ForeignKeyViolation) as refusal:
        add_broadcast(old, client, ("-1009", "-1008"))
    assert refusal.value.diag.constraint_name == "broadcast_manager_client_id_pair_fkey"
    # G6
    with old.transaction():
        own = add_broadcast(old, client, databases.add_channel(old, client))
    assert broadcast(old, own) is not None
    # G3
    old.execute("DELETE FROM registered_users WHERE user_id IN (%s, %s)", [client, heir])
    assert pairs_and_ids(old) == {}
