"""G3: when a channel or its owner is deleted, so is the broadcast row."""

from typing import Any
from uuid import UUID

import psycopg

from tools.databases import add_channel, add_user, broadcast_id

Connection = psycopg.Connection[Any]


def test_g3_deleted_channel_takes_its_row_along_and_no_other(conn: Connection, client: UUID) -> None:
    gone, stays = add_channel(conn, client), add_channel(conn, client)
    conn.execute("DELETE FROM main_clients_database WHERE open_channel_id = %s", gone[:1])
    assert broadcast_id(conn, gone) is None
    assert broadcast_id(conn, stays)


def test_g3_deleted_owner_takes_channels_and_rows_along(conn: Connection, client: UUID) -> None:
    add_channel(conn, client)
    other = add_channel(conn, add_user(conn))
    conn.execute("DELETE FROM registered_users WHERE user_id = %s", [client])
    assert conn.execute("SELECT open_channel_id FROM main_clients_database").fetchall() == [other[:1]]
    assert conn.execute("SELECT open_channel_id FROM broadcast_manager").fetchall() == [other[:1]]


def test_g3_channel_inserted_and_deleted_in_one_transaction_leaves_nothing(conn: Connection, client: UUID) -> None:
    with conn.transaction():
        add_channel(conn, client)
        conn.execute("DELETE FROM main_clients_database")
    assert conn.execute("SELECT count(*) FROM broadcast_manager").fetchone() == (0,)


def test_g3_pair_registered_again_gets_a_new_row(conn: Connection, client: UUID) -> None:
    pair = add_channel(conn, client)
    first = broadcast_id(conn, pair)
    conn.execute("DELETE FROM main_clients_database")
    add_channel(conn, client, *pair)
    assert broadcast_id(conn, pair) not in (None, first)
