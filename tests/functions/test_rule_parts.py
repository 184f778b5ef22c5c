"""broadcast.rule_parts: tells from the catalogue alone whether the rule is in force."""

from collections.abc import Callable

import pytest

from tests.functions.calls import Conn
from tools.databases import connect

PARTS = {
    "create_broadcast_rows",
    "take_over_auto_created_row",
    "refuse_broadcast_truncate",
    "broadcast_manager_client_id_pair_fkey",
    "main_clients_database_pair_fkey",
}


def broken(conn: Conn) -> set[str]:
    """The parts that are not in force."""
    return {part for part, in_force in conn.execute("SELECT part, in_force FROM broadcast.rule_parts") if not in_force}


def test_every_part_is_in_force(conn: Conn) -> None:
    parts = {part for (part,) in conn.execute("SELECT part FROM broadcast.rule_parts WHERE in_force")}
    assert parts == PARTS


@pytest.mark.parametrize(
    ("bypass", "parts"),
    [
        ("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows", {"create_broadcast_rows"}),
        ("ALTER TABLE main_clients_database ENABLE REPLICA TRIGGER create_broadcast_rows", {"create_broadcast_rows"}),
        ("DROP TRIGGER refuse_broadcast_truncate ON broadcast_manager", {"refuse_broadcast_truncate"}),
        (
            "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey",
            {"main_clients_database_pair_fkey"},
        ),
        ("ALTER TABLE broadcast_manager DISABLE TRIGGER ALL", PARTS - {"create_broadcast_rows"}),
    ],
)
def test_bypass_is_seen(database: str, superuser: Callable[[str], str], bypass: str, parts: set[str]) -> None:
    with connect(superuser(database)) as conn:
        assert broken(conn) == set()
        conn.execute(bypass)
        assert broken(conn) == parts


def test_key_that_is_not_validated_is_seen(conn: Conn) -> None:
    conn.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey")
    conn.execute(
        "ALTER TABLE main_clients_database ADD CONSTRAINT main_clients_database_pair_fkey "
        "FOREIGN KEY (open_channel_id, closed_channel_id) "
        "REFERENCES broadcast_manager (open_channel_id, closed_channel_id) "
        "DEFERRABLE INITIALLY DEFERRED NOT VALID"
    )
    assert broken(conn) == {"main_clients_database_pair_fkey"}
