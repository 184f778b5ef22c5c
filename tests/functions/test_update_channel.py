"""update_channel(), delete_channel() and own_channel(): a client's own channels, by their ids."""

from decimal import Decimal
from uuid import UUID

import pytest

from tests.functions.calls import Conn, columns, fields, refused, register, update, value
from tools.databases import add_channel, add_user, broadcast_id, new_channel_id


@pytest.fixture
def channel(conn: Conn, client: UUID) -> dict[str, object]:
    """A registered channel of the client."""
    registered = fields()
    register(conn, client, registered)
    return registered


def test_changes_the_given_fields_only(conn: Conn, client: UUID, channel: dict[str, object]) -> None:
    before = columns(conn, channel, "to_jsonb(main_clients_database)")[0]
    update(conn, client, channel, {"open_channel_title": "Evening signals", "sub_1_price": 7.5})
    after = columns(conn, channel, "to_jsonb(main_clients_database)")[0]
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"open_channel_title", "sub_1_price", "updated_at"}
    assert columns(conn, channel, "open_channel_title, sub_1_price") == ("Evening signals", Decimal("7.50"))


def test_pair_may_change_and_the_broadcast_id_stays(conn: Conn, client: UUID, channel: dict[str, object]) -> None:
    before = value(conn, "SELECT id FROM broadcast_manager")
    closed = new_channel_id()
    assert update(conn, client, channel, {"closed_channel_id": closed}) == before
    assert broadcast_id(conn, (str(channel["open_channel_id"]), closed)) == before


def test_fewer_tiers_take_the_others_away(conn: Conn, client: UUID, channel: dict[str, object]) -> None:
    update(conn, client, channel, {"tier_count": 1})
    assert columns(conn, channel, "sub_1_price, sub_2_price, sub_2_time") == (Decimal("5.00"), None, None)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"tier_count": 3}, {"sub_3_price", "sub_3_time"}),
        ({"sub_2_time": None}, {"sub_2_time"}),
        ({"sub_1_price": None, "sub_1_time": None}, {"sub_1_price", "sub_1_time"}),
        ({"payout_strategy": "threshold"}, {"payout_threshold_usd"}),
        ({"notification_status": True}, {"notification_id"}),
        ({"open_channel_id": "12345"}, {"open_channel_id"}),
        ({"sub_1_price": "much", "open_channel_title": "x" * 31}, {"sub_1_price", "open_channel_title"}),
    ],
)
def test_the_channel_as_it_would_become_is_checked(
    conn: Conn, client: UUID, channel: dict[str, object], changes: dict[str, object], wrong: set[str]
) -> None:
    before = columns(conn, channel, "to_jsonb(main_clients_database)")
    with refused("BM006") as detail:
        update(conn, client, channel, changes)
    assert set(detail) == wrong
    assert columns(conn, channel, "to_jsonb(main_clients_database)") == before


def test_channel_registered_under_other_rules_can_be_edited(conn: Conn, client: UUID) -> None:
    pair = add_channel(conn, client, "12345", "-67890")
    conn.execute(
        "UPDATE main_clients_database SET closed_channel_donation_message = 'Thanks', notification_status = true"
    )
    channel = {"open_channel_id": pair[0], "closed_channel_id": pair[1]}
    update(conn, client, channel, {"open_channel_title": "New"})
    assert columns(conn, channel, "open_channel_title, closed_channel_donation_message") == ("New", "Thanks")


def test_threshold_notes_when_it_changed(conn: Conn, client: UUID, channel: dict[str, object]) -> None:
    update(conn, client, channel, {"payout_strategy": "threshold", "payout_threshold_usd": 50})
    first = columns(conn, channel, "payout_threshold_updated_at")
    update(conn, client, channel, {"payout_threshold_usd": "50.00"})
    assert first != (None,)
    assert columns(conn, channel, "payout_threshold_updated_at") == first


def test_deletes_the_channel_and_tells_which_row_went(conn: Conn, client: UUID, channel: dict[str, object]) -> None:
    made = value(conn, "SELECT id FROM broadcast_manager")
    assert value(conn, "SELECT broadcast.delete_channel(%s, %s, NULL)", client, channel["open_channel_id"]) == made
    assert value(conn, "SELECT count(*) FROM main_clients_database") == 0
    assert value(conn, "SELECT count(*) FROM broadcast_manager") == 0


def test_anothers_pair_with_the_same_open_channel_does_not_matter(
    conn: Conn, client: UUID, channel: dict[str, object]
) -> None:
    register(conn, add_user(conn), channel | {"closed_channel_id": new_channel_id()})
    assert (
        value(conn, "SELECT broadcast.own_channel(%s, %s, NULL)", client, channel["open_channel_id"])
        == (channel["closed_channel_id"])
    )
