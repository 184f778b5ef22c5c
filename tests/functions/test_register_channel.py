"""register_channel(): one call registers a channel, within the limit, and gives its broadcast_id."""

from uuid import UUID, uuid4

import psycopg
import pytest

from tests.functions.calls import Conn, at_once, columns, fields, refused, register, value
from tools.databases import add_channel, add_user


def test_stores_every_field(conn: Conn, client: UUID) -> None:
    channel = fields(
        tier_count=3,
        sub_3_price=0.99,
        sub_3_time=7,
        payout_strategy="threshold",
        payout_threshold_usd=100,
        notification_status=True,
        notification_id=987654321,
    )
    register(conn, client, channel)
    names = [name for name in channel if name != "tier_count"]
    stored = columns(conn, channel, ", ".join(f"{name}::text" for name in names))
    wanted = channel | {
        "sub_1_price": "5.00",
        "sub_3_price": "0.99",
        "payout_threshold_usd": "100.00",
        "notification_status": "true",
    }
    assert dict(zip(names, stored, strict=True)) == {name: str(wanted[name]) for name in names}
    assert columns(conn, channel, "client_id, created_by, payout_threshold_updated_at IS NOT NULL") == (
        client,
        "tests",
        True,
    )


def test_nobody_registers_for_another_or_chooses_what_the_database_fills_in(conn: Conn, client: UUID) -> None:
    other = add_user(conn)
    channel = fields(client_id=str(other), created_by="somebody else", id=-7, updated_at="2001-01-01")
    register(conn, client, channel)
    assert columns(conn, channel, "client_id, created_by, id > 0, updated_at > now() - interval '1 h'") == (
        client,
        "tests",
        True,
        True,
    )


@pytest.mark.parametrize("tiers", [1, 2, 3])
def test_tiers_above_tier_count_are_not_stored(conn: Conn, client: UUID, tiers: int) -> None:
    channel = fields(tier_count=tiers, sub_3_price=20, sub_3_time=365)
    register(conn, client, channel)
    assert columns(conn, channel, "num_nonnulls(sub_1_price, sub_2_price, sub_3_price)") == (tiers,)
    assert columns(conn, channel, "num_nonnulls(sub_1_time, sub_2_time, sub_3_time)") == (tiers,)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"open_channel_id": "12345"}, {"open_channel_id"}),
        ({"open_channel_id": None}, {"open_channel_id"}),
        ({"closed_channel_id": "-100123456789x"}, {"closed_channel_id"}),
        ({"open_channel_id": "-1001234567", "closed_channel_id": "-1001234567"}, {"closed_channel_id"}),
        ({"open_channel_title": "x" * 31}, {"open_channel_title"}),
        ({"closed_channel_donation_message": "  short \n  "}, {"closed_channel_donation_message"}),
        ({"closed_channel_donation_message": "x" * 257}, {"closed_channel_donation_message"}),
        ({"tier_count": 0}, {"tier_count"}),
        ({"tier_count": "many"}, {"tier_count"}),
        ({"tier_count": 3}, {"sub_3_price", "sub_3_time"}),
        ({"tier_count": None, "sub_3_price": 5}, {"sub_3_time"}),
        ({"tier_count": None, "sub_2_price": None, "sub_2_time": None, "sub_3_price": 5, "sub_3_time": 9},
         {"sub_2_price", "sub_2_time"}),
        ({"sub_1_price": 0, "sub_1_time": -1}, {"sub_1_price", "sub_1_time"}),
        ({"sub_1_price": "five", "sub_2_time": 40000}, {"sub_1_price", "sub_2_time"}),
        ({"sub_1_price": 1e30}, {"sub_1_price"}),
        ({"payout_strategy": "monthly"}, {"payout_strategy"}),
        ({"payout_strategy": "threshold"}, {"payout_threshold_usd"}),
        ({"payout_strategy": "threshold", "payout_threshold_usd": 0}, {"payout_threshold_usd"}),
        ({"notification_status": True}, {"notification_id"}),
        ({"notification_status": True, "notification_id": 1234}, {"notification_id"}),
        ({"notification_status": True, "notification_id": 10**15}, {"notification_id"}),
        ({"notification_status": "perhaps"}, {"notification_status"}),
    ],
)  # fmt: skip
def test_every_wrong_field_is_named_and_nothing_is_stored(
    conn: Conn, client: UUID, changes: dict[str, object], wrong: set[str]
) -> None:
    with refused("BM006") as detail:
        register(conn, client, fields(**changes))
    assert set(detail) == wrong
    assert all(detail.values())
    assert value(conn, "SELECT count(*) FROM main_clients_database") == 0


def test_currency_outside_the_enum_is_named(conn: Conn, client: UUID) -> None:
    kind = value(
        conn,
        "SELECT t.typtype FROM pg_attribute AS a INNER JOIN pg_type AS t ON t.oid = a.atttypid "
        "WHERE a.attrelid = 'main_clients_database'::regclass AND a.attname = 'client_payout_currency'",
    )
    channel = fields(client_payout_currency="GOLD")
    if kind == "e":
        with refused("BM006") as detail:
            register(conn, client, channel)
        assert set(detail) == {"client_payout_currency"}
    else:
        assert register(conn, client, channel) is not None


@pytest.mark.parametrize("channel", ["[]", "7", '"x"', "null"])
def test_anything_but_an_object_is_refused(conn: Conn, client: UUID, channel: str) -> None:
    with refused("22023"):
        value(conn, "SELECT broadcast.register_channel(%s, 'tests', %s)", client, channel)


def test_unknown_owner_is_refused(conn: Conn) -> None:
    with refused("23503"):
        register(conn, uuid4(), fields())


def test_limit_is_ten(conn: Conn, client: UUID) -> None:
    for _ in range(10):
        register(conn, client, fields())
    with refused("BM001") as detail:
        register(conn, client, fields())
    assert detail == {"max_channels": 10}
    assert register(conn, add_user(conn), fields()) is not None, "another client has a limit of its own"


def test_limit_is_a_setting(conn: Conn, client: UUID) -> None:
    conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 1")
    register(conn, client, fields())
    with refused("BM001") as detail:
        register(conn, client, fields())
    assert detail == {"max_channels": 1}


def test_limit_holds_under_concurrent_registrations(database: str, conn: Conn, client: UUID) -> None:
    outcomes = at_once(database, 20, lambda c: register(c, client, fields()))
    assert outcomes == ["00000"] * 10 + ["BM001"] * 10
    assert value(conn, "SELECT count(*) FROM main_clients_database WHERE client_id = %s", client) == 10


def test_limit_holds_at_serializable(database: str, conn: Conn, client: UUID) -> None:
    conn.execute("UPDATE broadcast.settings SET max_channels_per_client = 2")

    def call(c: Conn) -> None:
        c.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        with c.transaction():
            register(c, client, fields())

    outcomes = at_once(database, 8, call)
    assert 1 <= outcomes.count("00000") <= 2
    assert set(outcomes) <= {"00000", "BM001", "40001"}
    assert value(conn, "SELECT count(*) FROM main_clients_database") == outcomes.count("00000")


def test_repeatable_read_is_refused_since_it_could_not_hold_the_limit(conn: Conn, client: UUID) -> None:
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with refused("0A000"), conn.transaction():
        register(conn, client, fields())


def test_other_writers_are_not_limited_and_their_channels_count(conn: Conn, client: UUID) -> None:
    for _ in range(12):
        add_channel(conn, client)
    assert value(conn, "SELECT count(*) FROM main_clients_database WHERE client_id = %s", client) == 12
    with refused("BM001"):
        register(conn, client, fields())
