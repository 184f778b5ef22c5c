"""G1: every new channel has exactly one broadcast row, from the same transaction, visible to the next statement."""

from collections.abc import Callable
from typing import Any
from uuid import RFC_4122, UUID

import psycopg
import pytest
from psycopg import errors

from tools.databases import add_channel, add_user, broadcast_id, connect, new_channel_id

Connection = psycopg.Connection[Any]

# A whole channel row, but for owner and pair.
REST = """'free', 'what is new', 'paid', 'all of it', 'A coffee keeps us awake', 5.00, 30, '0x1', 'USDT', 'ETH'"""
COLUMNS = """client_id, open_channel_id, closed_channel_id, open_channel_title, open_channel_description,
    closed_channel_title, closed_channel_description, closed_channel_donation_message, sub_1_price, sub_1_time,
    client_wallet_address, client_payout_currency, client_payout_network"""
INTO = f"INSERT INTO main_clients_database ({COLUMNS})"


def pairs(n: int) -> list[tuple[str, str]]:
    return [(new_channel_id(), new_channel_id()) for _ in range(n)]


def values(client: UUID, wanted: list[tuple[str, str]]) -> str:
    return ", ".join(f"('{client}'::uuid, '{o}', '{c}', {REST})" for o, c in wanted)


def insert_values(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    conn.execute(f"{INTO} VALUES {values(client, wanted)}")


def insert_select(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    conn.execute(f"{INTO} SELECT * FROM (VALUES {values(client, wanted)}) AS v")


def copy(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    with conn.cursor().copy(f"COPY main_clients_database ({COLUMNS}) FROM STDIN") as rows:
        for o, c in wanted:
            rows.write_row([client, o, c, "f", "n", "p", "a", "A coffee", "5.00", 30, "0x1", "USDT", "ETH"])


def on_conflict_do_nothing(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    insert_values(conn, client, wanted[:1])
    conn.execute(f"{INTO} VALUES {values(client, wanted)} ON CONFLICT DO NOTHING")


def on_conflict_do_update(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    insert_values(conn, client, wanted[:1])
    conn.execute(
        f"{INTO} VALUES {values(client, wanted)} ON CONFLICT (open_channel_id, closed_channel_id)"
        " DO UPDATE SET sub_1_price = 6"
    )


def merge(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    insert_values(conn, client, wanted[:1])
    names = COLUMNS.split(",")
    conn.execute(
        f"MERGE INTO main_clients_database AS m USING (VALUES {values(client, wanted)}) AS v ({COLUMNS})"
        " ON m.open_channel_id = v.open_channel_id AND m.closed_channel_id = v.closed_channel_id"
        " WHEN MATCHED THEN UPDATE SET sub_1_price = 7"
        f" WHEN NOT MATCHED THEN INSERT ({COLUMNS}) VALUES ({', '.join('v.' + n.strip() for n in names)})"
    )


def writable_cte(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    conn.execute(f"WITH new AS ({INTO} VALUES {values(client, wanted)} RETURNING id) SELECT count(*) FROM new")


def savepoint(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    with conn.transaction():
        for pair in wanted:
            with conn.transaction():
                insert_values(conn, client, [pair])


def function(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    conn.execute(
        f"CREATE FUNCTION register() RETURNS void LANGUAGE sql AS $$ {INTO} VALUES {values(client, wanted)} $$"
    )
    conn.execute("SELECT register()")


def other_trigger(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    conn.execute(
        "CREATE TABLE requests (id int);"
        "CREATE FUNCTION register() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {INTO} VALUES {values(client, wanted)}; RETURN NULL; END $$;"
        "CREATE TRIGGER register AFTER INSERT ON requests FOR EACH ROW EXECUTE FUNCTION register()"
    )
    conn.execute("INSERT INTO requests VALUES (1)")


def prepared(conn: Connection, client: UUID, wanted: list[tuple[str, str]]) -> None:
    for o, c in wanted:
        conn.execute(f"{INTO} VALUES (%s, %s, %s, {REST})", [client, o, c], prepare=True)


PATHS = [
    insert_values, insert_select, copy, on_conflict_do_nothing, on_conflict_do_update, merge, writable_cte,
    savepoint, function, other_trigger, prepared,
]  # fmt: skip


@pytest.mark.parametrize("insert", PATHS, ids=lambda path: path.__name__)
def test_g1_every_insert_path_creates_one_row_per_channel(
    conn: Connection, client: UUID, insert: Callable[[Connection, UUID, list[tuple[str, str]]], None]
) -> None:
    wanted = pairs(3)
    with conn.transaction():
        insert(conn, client, wanted)
        in_transaction = [broadcast_id(conn, pair) for pair in wanted]
    assert None not in in_transaction
    assert [broadcast_id(conn, pair) for pair in wanted] == in_transaction
    assert conn.execute("SELECT count(*) FROM broadcast_manager").fetchone() == (3,)


def test_g1_new_row_is_pending_active_due_now_and_without_history(conn: Connection, client: UUID) -> None:
    with conn.transaction():
        pair = add_channel(conn, client)
        row = conn.execute(
            "SELECT client_id, open_channel_id, closed_channel_id, broadcast_status, is_active, next_send_time = now(),"
            " total_broadcasts, successful_broadcasts, failed_broadcasts, consecutive_failures, manual_trigger_count,"
            " last_manual_trigger_time, last_sent_time FROM broadcast_manager"
        ).fetchone()
    assert row == (client, *pair, "pending", True, True, 0, 0, 0, 0, 0, None, None)


def test_g1_id_looks_like_one_and_later_transactions_have_later_ids(conn: Connection, client: UUID) -> None:
    for _ in range(20):
        with conn.transaction():
            add_channel(conn, client)
            add_channel(conn, client)
    rows = conn.execute("SELECT id, created_at FROM broadcast_manager ORDER BY id").fetchall()
    ids = [made for made, _ in rows]
    assert {(made.version, made.variant) for made in ids} == {(8, RFC_4122)}
    assert len(set(ids)) == 40
    moments = [moment for _, moment in rows]
    assert moments == sorted(moments)
    # The milliseconds since 1970 stand in front, as in version 7.
    assert [made.int >> 80 for made in ids] == [int(moment.timestamp() * 1000) for moment in moments]


def test_g1_row_does_not_depend_on_the_defaults_of_the_table(conn: Connection, client: UUID) -> None:
    conn.execute(
        "ALTER TABLE broadcast_manager ALTER id DROP DEFAULT, ALTER broadcast_status SET DEFAULT 'skipped',"
        " ALTER is_active SET DEFAULT false, ALTER total_broadcasts SET DEFAULT 9, ALTER next_send_time DROP DEFAULT"
    )
    add_channel(conn, client)
    assert conn.execute(
        "SELECT broadcast_status, is_active, total_broadcasts, next_send_time IS NULL FROM broadcast_manager"
    ).fetchone() == ("pending", True, 0, False)


def test_g1_rolled_back_channel_leaves_no_row(conn: Connection, client: UUID) -> None:
    with conn.transaction(force_rollback=True):
        add_channel(conn, client)
    with conn.transaction():
        kept = add_channel(conn, client)
        with conn.transaction(force_rollback=True):
            add_channel(conn, client)
    assert conn.execute("SELECT open_channel_id FROM broadcast_manager").fetchall() == [(kept[0],)]


def test_g1_client_with_nothing_but_insert_on_channels_gets_its_row(
    client: UUID, database: str, superuser: Callable[[str], str]
) -> None:
    with connect(superuser(database)) as admin, admin.transaction(force_rollback=True):
        admin.execute(
            "CREATE ROLE only_inserts; GRANT INSERT ON main_clients_database TO only_inserts;"
            "GRANT USAGE ON SEQUENCE main_clients_database_id_seq TO only_inserts; SET LOCAL ROLE only_inserts"
        )
        pair = add_channel(admin, client)
        with pytest.raises(errors.InsufficientPrivilege), admin.transaction():
            admin.execute("SELECT FROM broadcast_manager")
        with pytest.raises(errors.InsufficientPrivilege), admin.transaction():
            admin.execute("SELECT broadcast.lock_without_queueing('SHARE', 'broadcast_manager')")
        admin.execute("RESET ROLE")
        assert broadcast_id(admin, pair)


def test_g1_hostile_search_path_does_not_lead_the_rule_astray(conn: Connection, client: UUID) -> None:
    conn.execute(
        "CREATE SCHEMA trap; CREATE TABLE trap.broadcast_manager (LIKE public.broadcast_manager INCLUDING ALL);"
        "CREATE FUNCTION trap.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;"
        "CREATE TEMP TABLE broadcast_manager (id int); SET search_path = trap, public, pg_catalog"
    )
    pair = add_channel(conn, client)
    conn.execute("RESET search_path; DROP TABLE pg_temp.broadcast_manager")
    assert broadcast_id(conn, pair)


def test_g1_channels_of_many_owners_in_one_statement(conn: Connection, client: UUID) -> None:
    other = add_user(conn)
    mine, theirs = pairs(1), pairs(1)
    conn.execute(f"{INTO} VALUES {values(client, mine)}, {values(other, theirs)}")
    assert conn.execute(
        "SELECT client_id FROM broadcast_manager WHERE open_channel_id = %s", theirs[0][:1]
    ).fetchone() == (other,)


def test_g1_statement_that_inserts_nothing_creates_nothing(conn: Connection, client: UUID) -> None:
    conn.execute(f"{INTO} SELECT * FROM (VALUES {values(client, pairs(1))}) AS v WHERE false")
    assert conn.execute("SELECT count(*) FROM broadcast_manager").fetchone() == (0,)


def test_g1_known_limit_set_constraints_all_immediate_refuses_the_insert(conn: Connection, client: UUID) -> None:
    with conn.transaction():
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(errors.ForeignKeyViolation) as refused, conn.transaction():
            add_channel(conn, client)
        assert refused.value.diag.constraint_name == "main_clients_database_pair_fkey"
        hint = conn.execute(
            "SELECT obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = %s",
            [refused.value.diag.constraint_name],
        ).fetchone()
        assert hint is not None
        assert "SET CONSTRAINTS main_clients_database_pair_fkey DEFERRED" in hint[0]
        conn.execute("SET CONSTRAINTS main_clients_database_pair_fkey DEFERRED")
        add_channel(conn, client)
