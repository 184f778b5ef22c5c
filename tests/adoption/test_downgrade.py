"""`alembic downgrade base` takes our objects away and leaves everything that belongs to others."""

import pytest

from tests.adoption.states import Conn, add_broadcast, business_rows, picture, quarantine, taken
from tools import databases


def test_adoption_downgrade_leaves_users_channels_and_broadcasts(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    add_broadcast(old, client, databases.add_channel(old, client), total_broadcasts=3)
    databases.add_channel(old, client)
    before = picture(old_database)
    taken(old_database)
    databases.add_channel(old, client)
    upgraded = business_rows(old)
    databases.downgrade(old_database)
    after = picture(old_database)
    assert business_rows(old) == upgraded
    assert after.facts == before.facts
    assert after.objects == before.objects


@pytest.mark.parametrize(
    "actions",
    ["ON DELETE CASCADE", "ON UPDATE CASCADE ON DELETE SET NULL", "DEFERRABLE INITIALLY DEFERRED", "NOT VALID"],
)
def test_adoption_downgrade_restores_the_replaced_key_by_name_and_actions(
    old_database: str, old: Conn, actions: str
) -> None:
    old.execute("ALTER TABLE broadcast_manager DROP CONSTRAINT fk_broadcast_client")
    old.execute(
        'ALTER TABLE broadcast_manager ADD CONSTRAINT "fk Broadcast" FOREIGN KEY (client_id)'
        f" REFERENCES registered_users (user_id) {actions}".encode()
    )
    old.execute("COMMENT ON CONSTRAINT \"fk Broadcast\" ON broadcast_manager IS 'theirs, it''s old'")
    definition = (
        "SELECT pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint') FROM pg_constraint"
        " WHERE conname = 'fk Broadcast'"
    )
    before = old.execute(definition).fetchall()
    taken(old_database)
    assert old.execute(definition).fetchall() == []
    databases.downgrade(old_database)
    assert old.execute(definition).fetchall() == before


def test_adoption_downgrade_gives_null_back_where_it_was_allowed(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE broadcast_manager ALTER client_id DROP NOT NULL, ALTER closed_channel_id DROP NOT NULL")
    old.execute("ALTER TABLE main_clients_database ALTER client_id DROP NOT NULL")
    databases.add_channel(old, databases.add_user(old))
    before = picture(old_database)
    taken(old_database)
    databases.downgrade(old_database)
    assert picture(old_database).facts == before.facts


def test_adoption_downgrade_leaves_a_filled_quarantine(old_database: str, old: Conn) -> None:
    orphan = add_broadcast(old, databases.add_user(old), ("-1001", "-1002"))
    taken(old_database)
    kept = quarantine(old)
    assert [i for _, i, _ in kept] == [orphan]
    databases.downgrade(old_database)
    assert quarantine(old) == kept
    taken(old_database)
    assert quarantine(old) == kept


def test_adoption_downgrade_of_a_database_that_we_made_keeps_its_rows(empty_database: str) -> None:
    databases.upgrade(empty_database)
    with databases.connect(empty_database) as conn:
        databases.add_channel(conn, databases.add_user(conn))
        before = business_rows(conn)
        databases.downgrade(empty_database)
        assert business_rows(conn) == before
    taken(empty_database)
