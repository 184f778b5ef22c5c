"""G6: a client that still inserts the broadcast row itself keeps working: its id stays, and there is one row."""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors

from tools.databases import add_channel, broadcast_id, connect, new_channel_id

Connection = psycopg.Connection[Any]

INSERT = "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s)"


def only_row(conn: Connection) -> UUID:
    ((row,),) = conn.execute("SELECT id FROM broadcast_manager").fetchall()
    assert isinstance(row, UUID)
    return row


def returned(cursor: psycopg.Cursor[Any]) -> UUID:
    row = cursor.fetchone()
    assert row is not None
    assert isinstance(row[0], UUID)
    return row[0]


def test_g6_row_inserted_after_the_channel_keeps_the_id_that_was_returned(conn: Connection, client: UUID) -> None:
    with conn.transaction():
        pair = add_channel(conn, client)
        got = returned(conn.execute(f"{INSERT} RETURNING id", [client, *pair]))
    assert only_row(conn) == got


def test_g6_own_id_and_own_values_stay(conn: Connection, client: UUID) -> None:
    mine = uuid4()
    with conn.transaction():
        pair = add_channel(conn, client)
        conn.execute(
            "INSERT INTO broadcast_manager (id, client_id, open_channel_id, closed_channel_id, broadcast_status,"
            " total_broadcasts) VALUES (%s, %s, %s, %s, 'completed', 3)",
            [mine, client, *pair],
        )
    assert conn.execute("SELECT id, broadcast_status, total_broadcasts FROM broadcast_manager").fetchall() == [
        (mine, "completed", 3)
    ]


@pytest.mark.parametrize("conflict", ["DO NOTHING", "(open_channel_id, closed_channel_id) DO NOTHING"])
def test_g6_on_conflict_do_nothing_returns_the_id_as_ever(conn: Connection, client: UUID, conflict: str) -> None:
    with conn.transaction():
        pair = add_channel(conn, client)
        got = returned(conn.execute(f"{INSERT} ON CONFLICT {conflict} RETURNING id", [client, *pair]))
    assert only_row(conn) == got
    assert conn.execute(f"{INSERT} ON CONFLICT {conflict} RETURNING id", [client, *pair]).fetchone() is None
    assert only_row(conn) == got


def test_g6_upsert_returns_the_id_that_stays(conn: Connection, client: UUID) -> None:
    upsert = f"{INSERT} ON CONFLICT (open_channel_id, closed_channel_id) DO UPDATE SET is_active = true RETURNING id"
    with conn.transaction():
        pair = add_channel(conn, client)
        got = returned(conn.execute(upsert, [client, *pair]))
        assert returned(conn.execute(upsert, [client, *pair])) == got
    assert only_row(conn) == got


@pytest.mark.parametrize("first", ["channel", "row"])
def test_g6_both_rows_in_one_statement_by_a_cte(conn: Connection, client: UUID, first: str) -> None:
    o, c = new_channel_id(), new_channel_id()
    channel = (
        "INSERT INTO main_clients_database (client_id, open_channel_id, closed_channel_id,"
        " closed_channel_donation_message, sub_1_price, sub_1_time, client_wallet_address, client_payout_currency,"
        f" client_payout_network) VALUES ('{client}', '{o}', '{c}', 'thanks a lot', 5, 30, '0x1', 'USDT', 'ETH')"
    )
    row = (
        "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)"
        f" VALUES ('{client}', '{o}', '{c}') RETURNING id"
    )
    if first == "channel":
        got = returned(conn.execute(f"WITH channel AS ({channel}) {row}"))
    else:
        got = returned(conn.execute(f"WITH r AS ({row}), channel AS ({channel}) SELECT id FROM r"))
    assert only_row(conn) == got


def test_g6_bulk_of_both_rows_in_one_statement(conn: Connection, client: UUID) -> None:
    conn.execute(
        "WITH channel AS ("
        " INSERT INTO main_clients_database (client_id, open_channel_id, closed_channel_id,"
        " closed_channel_donation_message, sub_1_price, sub_1_time, client_wallet_address, client_payout_currency,"
        " client_payout_network) SELECT %s, '-100' || n, '-200' || n, 'thanks a lot', 5, 30, '0x1', 'USDT', 'ETH'"
        " FROM generate_series(1000000, 1000999) AS n RETURNING client_id, open_channel_id, closed_channel_id)"
        " INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id, last_error_message)"
        " SELECT client_id, open_channel_id, closed_channel_id, 'by hand' FROM channel",
        [client],
    )
    assert conn.execute("SELECT count(*), min(last_error_message) FROM broadcast_manager").fetchone() == (
        1000,
        "by hand",
    )


@pytest.mark.parametrize("level", ["ROW", "STATEMENT"])
@pytest.mark.parametrize("name", ["a_before_ours", "z_after_ours"])
def test_g6_row_made_by_a_trigger_of_the_client_stays(conn: Connection, client: UUID, level: str, name: str) -> None:
    source = "VALUES (NEW.client_id, NEW.open_channel_id, NEW.closed_channel_id, 'theirs')"
    if level == "STATEMENT":
        source = "SELECT client_id, open_channel_id, closed_channel_id, 'theirs' FROM fresh"
    conn.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        "  INSERT INTO public.broadcast_manager (client_id, open_channel_id, closed_channel_id, last_error_message)"
        f"  {source}; RETURN NULL; END $$;"
        f"CREATE TRIGGER {name} AFTER INSERT ON main_clients_database"
        f" {'REFERENCING NEW TABLE AS fresh' if level == 'STATEMENT' else ''}"
        f" FOR EACH {level} EXECUTE FUNCTION {name}()"
    )
    add_channel(conn, client)
    assert conn.execute("SELECT last_error_message FROM broadcast_manager").fetchall() == [("theirs",)]


def test_g6_row_made_in_another_savepoint_than_the_channel(conn: Connection, client: UUID) -> None:
    with conn.transaction():
        with conn.transaction():
            pair = add_channel(conn, client)
        with conn.transaction():
            got = returned(conn.execute(f"{INSERT} RETURNING id", [client, *pair]))
    assert only_row(conn) == got


def test_g6_takeover_rolled_back_to_a_savepoint_brings_the_created_row_back(conn: Connection, client: UUID) -> None:
    with conn.transaction():
        pair = add_channel(conn, client)
        created = broadcast_id(conn, pair)
        with conn.transaction(force_rollback=True):
            conn.execute(INSERT, [client, *pair])
    assert only_row(conn) == created


def test_g6_second_row_of_the_client_in_one_transaction_is_refused_as_ever(conn: Connection, client: UUID) -> None:
    with conn.transaction():
        pair = add_channel(conn, client)
        got = returned(conn.execute(f"{INSERT} RETURNING id", [client, *pair]))
        with pytest.raises(errors.UniqueViolation), conn.transaction():
            conn.execute(INSERT, [client, *pair])
        assert conn.execute(f"{INSERT} ON CONFLICT DO NOTHING RETURNING id", [client, *pair]).fetchone() is None
    assert only_row(conn) == got


def test_g6_row_of_an_earlier_transaction_is_not_taken_over(conn: Connection, client: UUID) -> None:
    pair = add_channel(conn, client)
    created = broadcast_id(conn, pair)
    with pytest.raises(errors.UniqueViolation):
        conn.execute(INSERT, [client, *pair])
    assert only_row(conn) == created


def test_g6_client_with_insert_alone_on_both_tables_is_served(
    client: UUID, database: str, superuser: Callable[[str], str]
) -> None:
    with connect(superuser(database)) as admin, admin.transaction(force_rollback=True):
        admin.execute(
            "CREATE ROLE old_writer; GRANT INSERT ON main_clients_database, broadcast_manager TO old_writer;"
            "GRANT USAGE ON SEQUENCE main_clients_database_id_seq TO old_writer; SET LOCAL ROLE old_writer"
        )
        pair = add_channel(admin, client)
        mine = uuid4()
        admin.execute(
            "INSERT INTO broadcast_manager (id, client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s, %s)",
            [mine, client, *pair],
        )
        admin.execute("RESET ROLE")
        assert broadcast_id(admin, pair) == mine


def made_id(version: int, moment: datetime) -> UUID:
    """An id of a client's own: random, or with the same moment in front as the rule's ids of that moment."""
    if version == 4:
        return uuid4()
    microseconds = int(moment.timestamp()) * 1_000_000 + moment.microsecond
    front = microseconds // 1000 << 16 | version << 12 | microseconds % 1000 << 2
    return UUID(int=front << 64 | 2 << 62 | secrets.randbits(62))


WITH_ID = "INSERT INTO broadcast_manager (id, client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s, %s)"


@pytest.mark.parametrize("version", [4, 7, 8])
def test_g6_id_of_the_client_is_kept_and_never_taken_for_the_rules(
    conn: Connection, client: UUID, version: int
) -> None:
    # Version 8 of a moment ago: a client that lays its ids out as the rule does.
    ((earlier,),) = conn.execute("SELECT now()").fetchall()
    mine, other = made_id(version, earlier), made_id(version, earlier)
    with conn.transaction():
        pair = add_channel(conn, client)
        conn.execute(WITH_ID, [mine, client, *pair])
        for insert, row in ((WITH_ID, [other, client, *pair]), (INSERT, [client, *pair])):
            assert conn.execute(f"{insert} ON CONFLICT DO NOTHING RETURNING id", row).fetchone() is None
        assert only_row(conn) == mine
    assert only_row(conn) == mine


@pytest.mark.parametrize("rolled_back", [False, True], ids=["released", "rolled back"])
def test_g6_row_created_in_a_savepoint_is_taken_over(conn: Connection, client: UUID, rolled_back: bool) -> None:
    o, c = new_channel_id(), new_channel_id()
    with conn.transaction():
        with conn.transaction(force_rollback=rolled_back), conn.transaction():
            add_channel(conn, client, o, c)
        if rolled_back:
            add_channel(conn, client, o, c)
        got = returned(conn.execute(f"{INSERT} ON CONFLICT DO NOTHING RETURNING id", [client, o, c]))
    assert only_row(conn) == got


def test_g6_row_of_another_transaction_with_the_mark_of_this_one_is_not_taken_over(
    conn: Connection, client: UUID, database: str
) -> None:
    with connect(database) as other, conn.transaction():
        ((now,),) = conn.execute("SELECT now()").fetchall()
        theirs = made_id(8, now)
        with other.transaction():
            pair = add_channel(other, client)
            other.execute(WITH_ID, [theirs, client, *pair])
        own = add_channel(conn, client)
        assert str(broadcast_id(conn, own))[:18] == str(theirs)[:18], "the mark was not made as the rule makes it"
        assert conn.execute(f"{INSERT} ON CONFLICT DO NOTHING RETURNING id", [client, *pair]).fetchone() is None
        assert broadcast_id(conn, pair) == theirs
        got = returned(conn.execute(f"{INSERT} ON CONFLICT DO NOTHING RETURNING id", [client, *own]))
        assert broadcast_id(conn, own) == got
    assert broadcast_id(conn, pair) == theirs
