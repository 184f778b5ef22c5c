"""The channels of the contract: register, list, read, change, delete; on our own tables and on the live system's."""

from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
import structlog

from tests.api.calls import NEVER_SENT, Person, World, refused, registration
from tools import databases

# Each refusal of these is compared with what was there before.
COUNTS = "SELECT (SELECT count(*) FROM public.main_clients_database), (SELECT count(*) FROM public.broadcast_manager)"


@pytest.fixture(scope="module")
def world(world_of_each_kind: World) -> World:
    """The application, once on each kind of tables."""
    return world_of_each_kind


def counts(conn: psycopg.Connection[Any]) -> tuple[Any, ...]:
    return conn.execute(COUNTS).fetchone() or ()


def test_registering_answers_with_the_broadcast_id_of_the_row(
    person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    channel = registration()
    with structlog.testing.capture_logs() as logs:
        answer = person.http.post("/api/channels/register", json=channel)
    assert answer.status_code == 201
    body = answer.json()
    pair = channel["open_channel_id"], channel["closed_channel_id"]
    assert body == {
        "success": True,
        "message": "Channel registered",
        "channel_id": pair[0],
        "broadcast_id": str(databases.broadcast_id(owner_conn, pair)),
    }
    registered = [entry for entry in logs if entry["event"].endswith("channel.registered")]
    assert [(entry["broadcast_id"], entry["client_id"]) for entry in registered] == [
        (body["broadcast_id"], str(person.user_id))
    ]


def test_a_channel_reads_as_it_was_registered(person: Person) -> None:
    channel = registration()
    broadcast_id = person.http.post("/api/channels/register", json=channel).json()["broadcast_id"]
    answer = person.http.get(f"/api/channels/{channel['open_channel_id']}")
    assert answer.status_code == 200
    body = answer.json()
    updated_at = datetime.fromisoformat(body.pop("updated_at"))
    threshold_updated_at = datetime.fromisoformat(body.pop("payout_threshold_updated_at"))
    assert updated_at.utcoffset() is not None
    assert threshold_updated_at.utcoffset() is not None
    assert datetime.fromisoformat(body.pop("next_send_time")).utcoffset() is not None
    assert body == {
        **channel,
        "sub_3_price": None,
        "sub_3_time": None,
        "accumulated_amount": None,
        "problem": None,
        "notification_id": "6271402111",
        "client_id": str(person.user_id),
        "created_by": person.username,
        "broadcast_id": broadcast_id,
        **NEVER_SENT,
    }


def test_prices_are_numbers_and_ids_are_strings(person: Person) -> None:
    channel = registration(sub_1_price="5.10", sub_1_time="30", tier_count="1", notification_id="6271402111")
    assert person.http.post("/api/channels/register", json=channel).status_code == 201
    body = person.http.get(f"/api/channels/{channel['open_channel_id']}").json()
    assert (body["sub_1_price"], body["sub_1_time"], body["tier_count"]) == (5.1, 30, 1)
    assert (body["sub_2_price"], body["sub_2_time"]) == (None, None)
    assert {type(body[field]) for field in ("open_channel_id", "notification_id", "client_id", "broadcast_id")} == {str}


def test_the_list_holds_the_callers_channels_only(person: Person, other: Person) -> None:
    mine = {person.register().json()["broadcast_id"] for _ in range(3)}
    other.register()
    body = person.http.get("/api/channels").json()
    assert (body["count"], body["max_channels"]) == (3, 10)
    assert {channel["broadcast_id"] for channel in body["channels"]} == mine


def test_the_list_begins_with_the_newest_or_is_sorted_as_asked(person: Person) -> None:
    titles = ["b", "c", "a"]
    for title in titles:
        person.register(open_channel_title=title)
    for query, order in {"": "acb", "?sort=newest": "acb", "?sort=oldest": "bca", "?sort=title": "abc"}.items():
        listed = person.http.get(f"/api/channels{query}").json()["channels"]
        assert [channel["open_channel_title"] for channel in listed] == list(order), query
    assert set(refused(person.http.get("/api/channels?sort=price"), 400, "validation_failed")["details"]) == {"sort"}


def test_what_has_come_together_for_a_payout_is_the_platforms_column(
    person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    path = f"/api/channels/{person.register().json()['channel_id']}"
    try:
        for column, amount in {
            "numeric(10, 2) DEFAULT 37.5": 37.5,
            "numeric DEFAULT 'NaN'": None,
            "text DEFAULT ''": None,
        }.items():
            owner_conn.execute(f"ALTER TABLE public.main_clients_database ADD accumulated_amount {column}")
            assert person.http.get(path).json()["accumulated_amount"] == amount
            owner_conn.execute("ALTER TABLE public.main_clients_database DROP accumulated_amount")
    finally:
        owner_conn.execute("ALTER TABLE public.main_clients_database DROP IF EXISTS accumulated_amount")


def test_a_client_without_channels_gets_an_empty_list(person: Person) -> None:
    assert person.http.get("/api/channels").json() == {"channels": [], "count": 0, "max_channels": 10}


def test_channels_of_other_writers_are_seen_as_well(person: Person, owner_conn: psycopg.Connection[Any]) -> None:
    pair = databases.add_channel(owner_conn, person.user_id)
    body = person.http.get(f"/api/channels/{pair[0]}").json()
    assert body["broadcast_id"] == str(databases.broadcast_id(owner_conn, pair))


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"open_channel_title": ...}, {"open_channel_title"}),
        ({"open_channel_description": None}, {"open_channel_description"}),
        ({"closed_channel_title": "x" * 31}, {"closed_channel_title"}),
        ({"closed_channel_description": "x" * 141}, {"closed_channel_description"}),
        ({"open_channel_id": "1003268562225"}, {"open_channel_id"}),
        ({"open_channel_id": "-100326"}, {"open_channel_id"}),
        ({"open_channel_id": "-100326856222512"}, {"open_channel_id"}),
        ({"open_channel_id": "-1003268562225\n"}, {"open_channel_id"}),
        ({"open_channel_id": "-1001234567890", "closed_channel_id": "-1001234567890"}, {"closed_channel_id"}),
        ({"closed_channel_donation_message": "   short    "}, {"closed_channel_donation_message"}),
        ({"closed_channel_donation_message": "x" * 257}, {"closed_channel_donation_message"}),
        ({"tier_count": 0}, {"tier_count"}),
        ({"tier_count": 4}, {"tier_count"}),
        ({"tier_count": ...}, {"tier_count"}),
        ({"sub_1_price": ...}, {"sub_1_price"}),
        ({"sub_1_price": 0}, {"sub_1_price"}),
        ({"sub_1_price": -5}, {"sub_1_price"}),
        ({"sub_1_price": 5.129}, {"sub_1_price"}),
        ({"sub_1_price": 100_000_000}, {"sub_1_price"}),
        ({"sub_1_time": 0}, {"sub_1_time"}),
        ({"sub_1_time": 32768}, {"sub_1_time"}),
        ({"sub_2_price": ..., "sub_2_time": ...}, {"sub_2_price", "sub_2_time"}),
        ({"tier_count": 3}, {"sub_3_price", "sub_3_time"}),
        ({"client_wallet_address": "x" * 96}, {"client_wallet_address"}),
        ({"client_wallet_address": ""}, {"client_wallet_address"}),
        ({"payout_strategy": "later"}, {"payout_strategy"}),
        ({"payout_threshold_usd": 0}, {"payout_threshold_usd"}),
        ({"payout_threshold_usd": ...}, {"payout_threshold_usd"}),
        ({"notification_id": ...}, {"notification_id"}),
        ({"notification_id": 9999}, {"notification_id"}),
        ({"notification_id": 10**15}, {"notification_id"}),
        ({"notification_status": "yes"}, {"notification_status"}),
        ({"sub_1_price": True}, {"sub_1_price"}),
        ({"open_channel_title": 5}, {"open_channel_title"}),
    ],
    # The same names in each of pytest-xdist's workers.
    ids=lambda value: str(sorted(value)),
)
def test_wrong_fields_are_named_and_nothing_is_stored(
    person: Person, owner_conn: psycopg.Connection[Any], changes: dict[str, Any], fields: set[str]
) -> None:
    before = counts(owner_conn)
    body = refused(person.register(**changes), 400, "validation_failed")
    assert body["error"] == "Validation failed"
    assert set(body["details"]) == fields
    assert all(body["details"].values())
    assert counts(owner_conn) == before


def test_a_pair_that_is_taken_is_refused_with_409(
    person: Person, other: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    channel = registration()
    assert person.http.post("/api/channels/register", json=channel).status_code == 201
    before = counts(owner_conn)
    for someone in (person, other):
        refused(someone.http.post("/api/channels/register", json=channel), 409, "channel_pair_taken")
    assert counts(owner_conn) == before


def test_the_eleventh_channel_is_refused(person: Person, owner_conn: psycopg.Connection[Any]) -> None:
    assert {person.register().status_code for _ in range(10)} == {201}
    before = counts(owner_conn)
    body = refused(person.register(), 400, "channel_limit_reached")
    assert body["error"] == "Maximum 10 channels per account"
    assert person.http.get("/api/channels").json()["max_channels"] == 10
    assert counts(owner_conn) == before


def test_a_broken_rule_is_told_apart_and_rolls_back_both(person: Person, owner_conn: psycopg.Connection[Any]) -> None:
    before = counts(owner_conn)
    owner_conn.execute("ALTER TABLE public.main_clients_database DISABLE TRIGGER create_broadcast_rows")
    try:
        with structlog.testing.capture_logs() as logs:
            body = refused(person.register(), 500, "broadcast_rule_broken")
    finally:
        owner_conn.execute("ALTER TABLE public.main_clients_database ENABLE TRIGGER create_broadcast_rows")
    assert "nothing was stored" in body["error"]
    assert counts(owner_conn) == before
    failed = [(entry["event"], entry["code"]) for entry in logs if entry["event"].endswith(".failed")]
    assert failed == [("broadcast.failed", "broadcast_rule_broken"), ("api.failed", "broadcast_rule_broken")]


def test_a_put_changes_what_it_names_and_nothing_else(person: Person) -> None:
    channel = registration()
    registered = person.http.post("/api/channels/register", json=channel).json()
    path = f"/api/channels/{channel['open_channel_id']}"
    before = person.http.get(path).json()
    answer = person.http.put(path, json={"open_channel_title": "Evening", "sub_1_price": 6, "tier_count": 1})
    assert answer.status_code == 200
    after = person.http.get(path).json()
    assert answer.json() == {**registered, "message": "Channel updated", "channel": after}
    changed = {field for field in after if after[field] != before[field]} - {"updated_at"}
    assert changed == {"open_channel_title", "sub_1_price", "tier_count", "sub_2_price", "sub_2_time"}
    assert (after["open_channel_title"], after["sub_1_price"]) == ("Evening", 6.0)


def test_a_put_of_new_ids_moves_the_channel_and_keeps_its_broadcast(person: Person) -> None:
    channel, target = registration(), registration()
    registered = person.http.post("/api/channels/register", json=channel).json()
    body = person.http.put(
        f"/api/channels/{channel['open_channel_id']}", json={"open_channel_id": target["open_channel_id"]}
    ).json()
    assert (body["channel_id"], body["broadcast_id"]) == (target["open_channel_id"], registered["broadcast_id"])
    refused(person.http.get(f"/api/channels/{channel['open_channel_id']}"), 404, "channel_not_found")
    moved = person.http.get(f"/api/channels/{target['open_channel_id']}").json()
    assert moved["broadcast_id"] == registered["broadcast_id"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sub_1_price": None}, "validation_failed"),
        ({"open_channel_id": None}, "validation_failed"),
        ({"tier_count": 3}, "validation_failed"),
        ({"payout_threshold_usd": -1}, "validation_failed"),
        ({"open_channel_title": ["x"]}, "validation_failed"),
        ({"client_wallet_address": None}, "channel_incomplete"),
        ({"notification_status": None}, "channel_incomplete"),
    ],
    ids=str,
)
def test_a_wrong_put_is_refused_and_changes_nothing(person: Person, changes: dict[str, Any], code: str) -> None:
    channel = registration()
    person.http.post("/api/channels/register", json=channel)
    path = f"/api/channels/{channel['open_channel_id']}"
    before = person.http.get(path).json()
    refused(person.http.put(path, json=changes), 400, code)
    assert person.http.get(path).json() == before


def test_a_put_on_a_taken_pair_is_refused_with_409(person: Person) -> None:
    first, second = registration(), registration()
    for channel in (first, second):
        person.http.post("/api/channels/register", json=channel)
    ids = {field: first[field] for field in ("open_channel_id", "closed_channel_id")}
    refused(person.http.put(f"/api/channels/{second['open_channel_id']}", json=ids), 409, "channel_pair_taken")


def test_deleting_removes_the_broadcast_and_says_so_in_the_log(
    person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    before = counts(owner_conn)
    registered = person.register().json()
    with structlog.testing.capture_logs() as logs:
        answer = person.http.delete(f"/api/channels/{registered['channel_id']}")
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "message": "Channel deleted, and its broadcast with it",
        "channel_id": registered["channel_id"],
        "broadcast_id": registered["broadcast_id"],
    }
    assert counts(owner_conn) == before
    deleted = [entry for entry in logs if entry["event"].endswith("channel.deleted")]
    assert [entry["broadcast_cleaned_up"] for entry in deleted] == [registered["broadcast_id"]]
    refused(person.http.delete(f"/api/channels/{registered['channel_id']}"), 404, "channel_not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_an_unknown_channel_is_404_and_anothers_is_403(person: Person, other: Person, method: str) -> None:
    theirs = other.register().json()["channel_id"]
    before = other.http.get(f"/api/channels/{theirs}").json()
    body = {"open_channel_title": "Mine now"} if method == "PUT" else None
    refused(person.http.request(method, "/api/channels/-1009999999999", json=body), 404, "channel_not_found")
    refused(person.http.request(method, f"/api/channels/{theirs}", json=body), 403, "channel_forbidden")
    assert other.http.get(f"/api/channels/{theirs}").json() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_two_pairs_with_one_open_channel_need_the_closed_id(person: Person, method: str) -> None:
    first = registration()
    second = registration(open_channel_id=first["open_channel_id"], open_channel_title="Second")
    answers = [person.http.post("/api/channels/register", json=channel) for channel in (first, second)]
    path, body = f"/api/channels/{first['open_channel_id']}", {"sub_1_time": 7} if method == "PUT" else None
    refused(person.http.request(method, path, json=body), 409, "channel_ambiguous")
    chosen = {"closed_channel_id": second["closed_channel_id"]}
    answer = person.http.request(method, path, json=body, params=chosen)
    assert answer.status_code == 200
    assert answer.json()["broadcast_id"] == answers[1].json()["broadcast_id"]
    refused(
        person.http.request(method, path, json=body, params={"closed_channel_id": "-1009999999999"}),
        404,
        "channel_not_found",
    )


def test_a_channel_whose_owner_is_deleted_meanwhile_is_not_stored(
    person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    before = counts(owner_conn)
    owner_conn.execute("DELETE FROM public.registered_users WHERE user_id = %s", [person.user_id])
    refused(person.register(), 401, "token_invalid")
    assert counts(owner_conn) == before


def test_a_channel_that_the_live_rules_allow_is_found_by_its_short_id(
    person: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    databases.add_channel(owner_conn, person.user_id, "12345", "-54321")
    body = person.http.get("/api/channels/12345").json()
    assert (body["closed_channel_id"], UUID(body["broadcast_id"]).version) == ("-54321", 8)
