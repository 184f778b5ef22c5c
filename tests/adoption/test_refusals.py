"""Databases that cannot be adopted yet: refused before anything changes, with the rows and what to do."""

import re
import uuid
from collections.abc import Callable

import pytest
from psycopg import sql

from tests.adoption.states import Conn, add_broadcast, refused, taken
from tools import databases


def test_adoption_refuses_a_pair_that_stands_in_two_channels(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair")
    first, second = databases.add_user(old), databases.add_user(old)
    pair = databases.add_channel(old, first)
    databases.add_channel(old, second, *pair)
    message = refused(old_database)
    assert "1 pairs stand in several channels" in message
    assert f"pair ({pair[0]}, {pair[1]})" in message
    assert str(first) in message
    assert str(second) in message
    old.execute("DELETE FROM main_clients_database WHERE client_id = %s", [second])
    taken(old_database)


@pytest.mark.parametrize("column", ["client_id", "open_channel_id", "closed_channel_id"])
def test_adoption_refuses_a_channel_without_owner_or_ids(old_database: str, old: Conn, column: str) -> None:
    name = sql.Identifier(column)
    client = databases.add_user(old)
    pair = databases.add_channel(old, client)
    old.execute(sql.SQL("ALTER TABLE main_clients_database ALTER {} DROP NOT NULL").format(name))
    old.execute(sql.SQL("UPDATE main_clients_database SET {} = NULL").format(name))
    message = refused(old_database)
    assert "1 channels lack owner or ids" in message
    shown = {"client_id": str(client), "open_channel_id": pair[0], "closed_channel_id": pair[1], column: "NULL"}
    line = "client {client_id} pair ({open_channel_id}, {closed_channel_id})".format_map(shown)
    assert line in message


def test_adoption_refuses_a_channel_whose_owner_does_not_exist(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT fk_client_user")
    nobody = uuid.uuid4()
    pair = databases.add_channel(old, nobody)
    message = refused(old_database)
    assert "1 channels have an owner that does not exist" in message
    assert f"client {nobody} pair ({pair[0]}, {pair[1]})" in message
    databases.add_user(old, nobody)
    taken(old_database)


def test_adoption_refusal_lists_20_rows_and_the_total(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE main_clients_database DROP CONSTRAINT fk_client_user")
    for _ in range(23):
        databases.add_channel(old, uuid.uuid4())
    message = refused(old_database)
    assert "23 channels have an owner that does not exist" in message
    assert len(re.findall(r"client \S+ pair", message)) == 20


def test_adoption_refusal_tells_all_reasons_at_once(old_database: str, old: Conn) -> None:
    old.execute(
        "ALTER TABLE main_clients_database DROP CONSTRAINT fk_client_user,"
        " DROP CONSTRAINT main_clients_channel_pair, ALTER client_id DROP NOT NULL"
    )
    pair = databases.add_channel(old, uuid.uuid4())
    databases.add_channel(old, None, *pair)
    old.execute("ALTER TABLE broadcast_manager ADD COLUMN sender text NOT NULL")
    message = refused(old_database)
    for reason in ("lack owner or ids", "stand in several channels", "owner that does not exist"):
        assert reason in message


PARTITIONED = """
DROP TABLE broadcast_manager;
CREATE TABLE broadcast_manager (
  id uuid NOT NULL, client_id uuid NOT NULL, open_channel_id text NOT NULL, closed_channel_id text NOT NULL
) PARTITION BY HASH (open_channel_id);
CREATE TABLE broadcast_manager_0 PARTITION OF broadcast_manager FOR VALUES WITH (MODULUS 1, REMAINDER 0);
"""

SWALLOW = """
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER swallow BEFORE INSERT ON broadcast_manager FOR EACH ROW EXECUTE FUNCTION swallow();
"""

UNQUALIFIED = """
CREATE TABLE audit_log (broadcast_id uuid);
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS
'BEGIN INSERT INTO audit_log VALUES (NEW.id); RETURN NEW; END';
CREATE TRIGGER audit AFTER INSERT ON broadcast_manager FOR EACH ROW EXECUTE FUNCTION audit();
"""


@pytest.mark.parametrize(
    ("state", "reasons"),
    [
        (PARTITIONED, ["broadcast_manager is partitioned"]),
        (
            "CREATE TABLE old_channels () INHERITS (main_clients_database)",
            ["main_clients_database is partitioned, inherited"],
        ),
        ("CREATE TABLE shared (); ALTER TABLE broadcast_manager INHERIT shared", ["broadcast_manager is partitioned"]),
        ("ALTER TABLE broadcast_manager SET UNLOGGED", ["broadcast_manager is", "plain tables"]),
        (
            "ALTER TABLE broadcast_manager RENAME TO rows; CREATE VIEW broadcast_manager AS SELECT * FROM rows",
            ["plain"],
        ),
        (
            "ALTER TABLE broadcast_manager ADD COLUMN sender text NOT NULL",
            ["column sender", "Give the column a default or allow NULL"],
        ),
        (
            "ALTER TABLE broadcast_manager ADD COLUMN sender text CHECK (sender IS NOT NULL)",
            ["broadcast_manager_sender_check", "cannot be created as the rule will"],
        ),
        (UNQUALIFIED, ["audit_log", "qualify the names in it, or give its function a SET search_path"]),
        (SWALLOW, ["a trigger swallows 1 of 1"]),
        ("ALTER TABLE broadcast_manager DROP COLUMN closed_channel_id", ["public.broadcast_manager.closed_channel_id"]),
        (
            "ALTER TABLE broadcast_manager ALTER open_channel_id TYPE bigint USING open_channel_id::bigint",
            ["public.broadcast_manager.open_channel_id", "another type"],
        ),
        ("DROP TABLE broadcast_manager, registered_users CASCADE", ["no table registered_users"]),
        (
            "ALTER TABLE broadcast_manager DROP CONSTRAINT broadcast_manager_pkey",
            ["broadcast_manager.id", "ADD PRIMARY KEY (id)"],
        ),
        (
            "ALTER TABLE registered_users DROP CONSTRAINT registered_users_pkey CASCADE",
            ["registered_users.user_id", "ADD PRIMARY KEY (user_id)"],
        ),
        (
            "ALTER TABLE broadcast_manager DROP CONSTRAINT unique_channel_pair,"
            " ADD CONSTRAINT pair_later UNIQUE (open_channel_id, closed_channel_id) DEFERRABLE",
            ["pair_later on broadcast_manager is deferrable", "NOT DEFERRABLE"],
        ),
    ],
    ids=[
        "partitioned",
        "has heirs",
        "inherits",
        "unlogged",
        "view",
        "extra NOT NULL column",
        "extra check",
        "trigger with unqualified name",
        "trigger that swallows",
        "column missing",
        "other type",
        "no users",
        "ids not unique",
        "users not unique",
        "deferrable unique key",
    ],
)
def test_adoption_refuses_what_the_rule_can_not_stand_on(
    old_database: str, old: Conn, state: str, reasons: list[str]
) -> None:
    databases.add_channel(old, databases.add_user(old))
    old.execute(state.encode())
    message = refused(old_database)
    for reason in reasons:
        assert reason in message


@pytest.mark.parametrize("table", ["registered_users", "main_clients_database", "broadcast_manager"])
def test_adoption_refuses_tables_of_another_owner(
    old_database: str, superuser: Callable[[str], str], table: str
) -> None:
    with databases.connect(superuser(old_database)) as boss:
        boss.execute(sql.SQL("ALTER TABLE {} OWNER TO CURRENT_USER").format(sql.Identifier(table)))
        boss.execute(sql.SQL("GRANT ALL ON {} TO {}").format(sql.Identifier(table), sql.Identifier(databases.OWNER)))
    message = refused(old_database)
    assert f"{table} belongs to" in message
    assert f"you are {databases.OWNER}" in message
    assert f"OWNER TO {databases.OWNER}" in message


def test_adoption_refuses_when_rows_of_others_point_at_rows_that_would_go(old_database: str, old: Conn) -> None:
    client = databases.add_user(old)
    orphan = add_broadcast(old, client, ("-1001", "-1002"))
    old.execute("CREATE TABLE sent (broadcast_id uuid REFERENCES broadcast_manager (id) ON DELETE CASCADE)")
    old.execute("INSERT INTO sent VALUES (%s)", [orphan])
    message = refused(old_database)
    assert "sent" in message
    assert str(orphan) in message
    old.execute("DELETE FROM sent")
    taken(old_database)


def test_adoption_trigger_with_qualified_names_is_no_reason_to_refuse(old_database: str, old: Conn) -> None:
    old.execute(UNQUALIFIED.replace("INTO audit_log", "INTO public.audit_log").encode())
    pair = databases.add_channel(old, databases.add_user(old))
    taken(old_database)
    audited = old.execute("SELECT broadcast_id FROM audit_log").fetchall()
    assert audited == [(databases.broadcast_id(old, pair),)]


def test_adoption_check_on_the_form_of_channel_ids_is_no_reason_to_refuse(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE broadcast_manager ADD CHECK (open_channel_id ~ '^-100[0-9]{6,10}$')")
    databases.add_channel(old, databases.add_user(old))
    taken(old_database)
