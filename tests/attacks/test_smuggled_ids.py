"""Another client's ids in every place of every call: nothing of that client is told, and nothing is changed."""

import json
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from tests.api.calls import Person, registration

# Told by nobody but the owner.
SECRETS = {"open_channel_title": "Title of the victim", "client_wallet_address": "wallet of the victim"}
NAMES = ("client_id", "user_id", "owner", "sub", "id", "created_by", "username", "broadcast_id", "channel_id")
HEADERS = ("X-User-Id", "X-Client-Id", "X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Original-URL", "Cookie")


def everything(conn: psycopg.Connection[Any], client: UUID) -> list[Any]:
    """All that belongs to a client."""
    return conn.execute(
        "SELECT to_jsonb(u) FROM public.registered_users AS u WHERE u.user_id = %(client)s"
        " UNION ALL SELECT to_jsonb(c) FROM public.main_clients_database AS c WHERE c.client_id = %(client)s"
        " UNION ALL SELECT to_jsonb(b) FROM public.broadcast_manager AS b WHERE b.client_id = %(client)s",
        {"client": client},
    ).fetchall()


def tells_nothing(answer: httpx.Response, victim: Person, sent: str) -> None:
    """Nothing of the victim's is in an answer, but for what the caller has sent."""
    told = (str(victim.user_id), victim.username, f"{victim.user_id.hex}@example.org", *SECRETS.values())
    for secret in told:
        assert secret not in answer.text or secret in sent, (secret, answer.request.url, answer.text)


@pytest.fixture
def document(anonymous: httpx.Client) -> dict[str, Any]:
    """The OpenAPI document."""
    found: dict[str, Any] = anonymous.get("/openapi.json").json()
    return found


@pytest.mark.parametrize("own_path", [True, False], ids=["own ids in the path", "the victim's ids in the path"])
def test_every_call_with_the_ids_of_another_client(
    person: Person, other: Person, owner_conn: psycopg.Connection[Any], document: dict[str, Any], own_path: bool
) -> None:
    mine = registration()
    theirs = registration(**SECRETS)
    ids = {}
    for whose, channel in ((person, mine), (other, theirs)):
        answer = whose.http.post("/api/channels/register", json=channel)
        assert answer.status_code == 201, answer.text
        ids[whose.user_id] = answer.json()["broadcast_id"]
    before = everything(owner_conn, other.user_id)
    assert len(before) == 3
    path_of = person if own_path else other
    places = {
        "{open_channel_id}": (mine if own_path else theirs)["open_channel_id"],
        "{broadcast_id}": ids[path_of.user_id],
    }
    values = {
        "created_by": other.username,
        "username": other.username,
        "broadcast_id": ids[other.user_id],
        "channel_id": theirs["open_channel_id"],
        "id": ids[other.user_id],
    }
    smuggled = {name: values.get(name, str(other.user_id)) for name in NAMES}
    headers = {name: str(other.user_id) for name in HEADERS} | {"Cookie": f"user_id={other.user_id}"}
    calls = 0
    # What is deleted goes last.
    operations = [(m, p, o) for p, methods in document["paths"].items() for m, o in methods.items()]
    for method, template, operation in sorted(operations, key=lambda call: call[0] == "delete"):
        path = template
        for place, value in places.items():
            path = path.replace(place, value)
        query = {**smuggled, "closed_channel_id": (mine if own_path else theirs)["closed_channel_id"]}
        body = {**registration(), **smuggled} if "register" in path else smuggled
        token = person.refresh_token if path.endswith("/refresh") else person.access_token
        answer = person.http.request(
            method,
            path,
            params=query,
            json=body if "requestBody" in operation else None,
            headers={**headers, "Authorization": f"Bearer {token}"},
        )
        assert answer.status_code < 500 or answer.json()["code"] == "delivery_not_configured", answer.text
        if "{" in template and not own_path:
            assert answer.status_code == 403, (method, path, answer.text)
        tells_nothing(answer, other, json.dumps(smuggled) if "login" in path else "")
        calls += 1
    assert calls == len(operations) >= 13
    assert everything(owner_conn, other.user_id) == before


def test_a_channel_is_not_given_away_nor_taken_by_its_pair(
    person: Person, other: Person, owner_conn: psycopg.Connection[Any]
) -> None:
    theirs = registration(**SECRETS)
    other.http.post("/api/channels/register", json=theirs)
    before = everything(owner_conn, other.user_id)
    pair = {name: theirs[name] for name in ("open_channel_id", "closed_channel_id")}
    answer = person.http.post("/api/channels/register", json=registration(**pair))
    assert answer.status_code == 409
    tells_nothing(answer, other, "")
    mine = person.register().json()["channel_id"]
    answer = person.http.put(f"/api/channels/{mine}", json={**pair, "client_id": str(other.user_id)})
    assert answer.status_code == 409
    tells_nothing(answer, other, "")
    # The same open channel with another closed one is a pair of its own, and the victim's stays the victim's.
    assert person.register(open_channel_id=pair["open_channel_id"]).status_code == 201
    path = f"/api/channels/{pair['open_channel_id']}"
    for method in ("GET", "PUT", "DELETE"):
        body = {"open_channel_title": "Mine"} if method == "PUT" else None
        closed = {"closed_channel_id": pair["closed_channel_id"]}
        answer = person.http.request(method, path, params=closed, json=body)
        assert answer.status_code == 403, answer.text
        tells_nothing(answer, other, "")
    assert everything(owner_conn, other.user_id) == before
