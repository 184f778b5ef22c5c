"""G2: when a channel's pair or owner changes, its broadcast row changes with it and keeps id and history."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from tools.databases import add_channel, add_user, broadcast_id, new_channel_id

Connection = psycopg.Connection[Any]


@pytest.mark.parametrize("column", ["open_channel_id", "closed_channel_id", "client_id"])
def test_g2_row_follows_a_changed_pair_or_owner(conn: Connection, client: UUID, column: str) -> None:
    pair = add_channel(conn, client)
    before = broadcast_id(conn, pair)
    conn.execute("UPDATE broadcast_manager SET total_broadcasts = 7, broadcast_status = 'completed'")
    new = add_user(conn) if column == "client_id" else new_channel_id()
    conn.execute(f"UPDATE main_clients_database SET {column} = %s", [new])
    assert conn.execute(
        f"SELECT id, {column}, total_broadcasts, broadcast_status FROM broadcast_manager"
    ).fetchall() == [(before, new, 7, "completed")]


def test_g2_pair_and_owner_of_many_channels_change_in_one_statement(conn: Connection, client: UUID) -> None:
    ids = {broadcast_id(conn, add_channel(conn, client)) for _ in range(5)}
    other = add_user(conn)
    conn.execute(
        "UPDATE main_clients_database SET client_id = %s, open_channel_id = '-7' || right(open_channel_id, 9)", [other]
    )
    rows = conn.execute("SELECT id, client_id, open_channel_id FROM broadcast_manager").fetchall()
    assert {row[0] for row in rows} == ids
    assert all(row[1] == other and row[2].startswith("-7") for row in rows)


def test_g2_two_channels_swap_their_pairs_in_one_transaction(conn: Connection, client: UUID) -> None:
    a, b = add_channel(conn, client), add_channel(conn, client)
    id_a, id_b = broadcast_id(conn, a), broadcast_id(conn, b)
    spare = new_channel_id()
    change = "UPDATE main_clients_database SET open_channel_id = %s, closed_channel_id = %s WHERE open_channel_id = %s"
    with conn.transaction():
        conn.execute(change, [spare, spare, a[0]])
        conn.execute(change, [*a, b[0]])
        conn.execute(change, [*b, spare])
    assert (broadcast_id(conn, b), broadcast_id(conn, a)) == (id_a, id_b)


def test_g2_update_that_leaves_the_pair_alone_leaves_the_row_alone(conn: Connection, client: UUID) -> None:
    add_channel(conn, client)
    before = conn.execute("SELECT xmin::text, ctid::text FROM broadcast_manager").fetchone()
    conn.execute("UPDATE main_clients_database SET open_channel_title = 'new title'")
    assert conn.execute("SELECT xmin::text, ctid::text FROM broadcast_manager").fetchone() == before
