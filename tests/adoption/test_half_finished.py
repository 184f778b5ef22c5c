"""An earlier attempt that was cut off, at whatever point, is finished by running the upgrade again."""

import uuid

import psycopg
import pytest
from alembic.util import CommandError

from tests.adoption.states import Conn, Pair, add_broadcast, pairs_and_ids, picture, quarantine, taken
from tests.migrations.builds import REVISIONS, revision_named
from tools import databases


def messy(conn: Conn) -> tuple[dict[Pair, uuid.UUID], list[uuid.UUID]]:
    """Make one channel of each sort; tells the ids that must stay and those that must go to the quarantine."""
    client, stranger = databases.add_user(conn), databases.add_user(conn)
    right, wrong, moved = (databases.add_channel(conn, client) for _ in range(3))
    databases.add_channel(conn, client)
    stay = {
        right: add_broadcast(conn, client, right),
        wrong: add_broadcast(conn, stranger, wrong),
        moved: add_broadcast(conn, client, (moved[0], databases.new_channel_id())),
    }
    return stay, [stay[wrong], stay[moved], add_broadcast(conn, client, ("-1001", "-1002"))]


@pytest.mark.parametrize("revision", REVISIONS)
def test_adoption_goes_on_from_every_revision(old_database: str, old: Conn, revision: str) -> None:
    stay, corrected = messy(old)
    databases.upgrade(old_database, revision)
    taken(old_database)
    assert pairs_and_ids(old).items() >= stay.items()
    assert len(pairs_and_ids(old)) == 4
    assert sorted(i for _, i, _ in quarantine(old)) == sorted(corrected)


@pytest.mark.parametrize("revision", REVISIONS)
def test_adoption_comes_back_from_every_revision(old_database: str, old: Conn, revision: str) -> None:
    databases.add_channel(old, databases.add_user(old))
    before = picture(old_database)
    databases.upgrade(old_database, revision)
    databases.downgrade(old_database)
    after = picture(old_database)
    assert after.facts == before.facts
    assert after.objects == before.objects


def test_adoption_invalid_index_left_by_a_failed_build_is_rebuilt(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair")
    databases.upgrade(old_database, revision_named("broadcast_pair_key"))
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    databases.add_channel(old, client, *pair)
    with pytest.raises(CommandError, match="main_clients_database_pair_key"):
        databases.upgrade(old_database)
    invalid = "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid"
    assert old.execute(invalid).fetchall() == [("main_clients_database_pair_key",)]
    old.execute("DELETE FROM main_clients_database WHERE id = (SELECT max(id) FROM main_clients_database)")
    taken(old_database)


@pytest.mark.parametrize(
    ("last", "name", "definition"),
    [
        ("repair", "broadcast_manager_pair_key", "broadcast_manager (open_channel_id, closed_channel_id)"),
        (
            "broadcast_pair_key",
            "main_clients_database_client_id_pair_key",
            "main_clients_database (client_id, open_channel_id, closed_channel_id)",
        ),
    ],
)
def test_adoption_invalid_index_under_our_name_is_rebuilt(
    old_database: str, old: Conn, last: str, name: str, definition: str
) -> None:
    old.execute("ALTER TABLE broadcast_manager DROP CONSTRAINT unique_channel_pair")
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair")
    databases.upgrade(old_database, revision_named(last))
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    databases.add_channel(old, client, *pair)
    if last == "repair":
        for _ in range(2):
            add_broadcast(old, client, pair)
    with pytest.raises(psycopg.errors.UniqueViolation):
        old.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {definition}".encode())
    old.execute("DELETE FROM main_clients_database WHERE id = (SELECT max(id) FROM main_clients_database)")
    taken(old_database)


def test_adoption_check_left_before_not_null_is_finished(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE broadcast_manager ALTER client_id DROP NOT NULL")
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    databases.upgrade(old_database, revision_named("adopt"))
    old.execute(
        "ALTER TABLE broadcast_manager ADD CONSTRAINT broadcast_manager_client_id_check_not_null"
        " CHECK (client_id IS NOT NULL) NOT VALID"
    )
    taken(old_database)
    assert pairs_and_ids(old).keys() == {pair}
    left = old.execute("SELECT conname FROM pg_constraint WHERE conname LIKE '%check_not_null'").fetchall()
    assert left == []
    databases.downgrade(old_database)
    nullable = old.execute(
        "SELECT NOT attnotnull FROM pg_attribute"
        " WHERE attrelid = 'broadcast_manager'::regclass AND attname = 'client_id'"
    ).fetchone()
    assert nullable == (True,)


def test_adoption_key_that_is_not_valid_yet_is_validated(old_database: str, old: Conn) -> None:
    stay, _ = messy(old)
    databases.upgrade(old_database, revision_named("channel_needs_broadcast"))
    # What a superuser's restore could leave behind between the two attempts.
    with old.transaction():
        old.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
        old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey")
        databases.add_channel(old, databases.add_user(old))
        old.execute(
            "ALTER TABLE main_clients_database ADD CONSTRAINT main_clients_database_pair_fkey"
            " FOREIGN KEY (open_channel_id, closed_channel_id)"
            " REFERENCES broadcast_manager (open_channel_id, closed_channel_id) DEFERRABLE INITIALLY DEFERRED NOT VALID"
        )
        old.execute("ALTER TABLE main_clients_database ENABLE TRIGGER create_broadcast_rows")
    taken(old_database)
    assert len(pairs_and_ids(old)) == 5
    assert pairs_and_ids(old).items() >= stay.items()


def test_adoption_backfill_that_broke_in_the_middle_is_finished(old_database: str, old: Conn) -> None:
    databases.upgrade(old_database, revision_named("rule"))
    client = databases.add_user(old)
    old.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
    for _ in range(6):
        databases.add_channel(old, client)
    old.execute("ALTER TABLE main_clients_database ENABLE TRIGGER create_broadcast_rows")
    old.execute("CALL broadcast.backfill_broadcasts(batch_size => 2, only_client_id => NULL)")
    old.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
    for _ in range(3):
        databases.add_channel(old, client)
    old.execute("ALTER TABLE main_clients_database ENABLE TRIGGER create_broadcast_rows")
    first = pairs_and_ids(old)
    assert len(first) == 6
    taken(old_database)
    assert len(pairs_and_ids(old)) == 9
    assert pairs_and_ids(old).items() >= first.items()


def test_adoption_refused_upgrade_can_be_repeated_after_the_channels_were_put_right(
    old_database: str, old: Conn
) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT fk_client_user")
    nobody = uuid.uuid4()
    databases.add_channel(old, nobody)
    for _ in range(2):
        with pytest.raises(CommandError):
            databases.upgrade(old_database)
    databases.add_user(old, nobody)
    taken(old_database)
