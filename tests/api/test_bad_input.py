"""Whatever is sent: a 4xx with a clear error, never a 500, nothing stored, nothing of it repeated."""

import json
from typing import Any

import httpx
import psycopg
import pytest

from pyapi.web.middleware.body_limit import MAX_BODY_BYTES
from tests.api.calls import Person, bearer, log_in, refused, registration

JSON = {"Content-Type": "application/json"}
MARK = "what was sent"

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "cut off": b'{"open_channel_id": "-100',
    "no JSON": MARK.encode(),
    "not UTF-8": json.dumps({"open_channel_title": "ü"}, ensure_ascii=False).encode("latin-1"),
    "UTF-16": json.dumps({"open_channel_title": MARK}).encode("utf-16") + b"\xff",
    "an array": b"[]",
    "a string": json.dumps(MARK).encode(),
    "a number": b"1",
    "null": b"null",
    "an empty object": b"{}",
    "brackets without end": b"[" * 60_000,
    "objects without end": b'{"a":' * 12_000,
    "a number without end": b"9" * 60_000,
    "a key of a lone surrogate": b'{"\\ud800": 1}',
}

VALUES: dict[str, Any] = {
    "NUL": MARK + "\0",
    "lone surrogate": MARK + "\ud800",
    "object": {MARK: 1},
    "array": [MARK],
    "true": True,
    "huge number": 10**400,
    "huge float": 1e308,
    "not a number": float("nan"),
    "infinity": float("-inf"),
    "long": MARK * 1000,
    "negative": -(2**63) - 1,
}
NOT_QUITE_NUMBERS = {"other digits": "१२३४५६७८९०", "with underscore": "1_000", "with blank": " 1", "signed": "+1"}

TEXTS = {field for field in registration() if field.endswith(("_title", "_description", "_message", "_address"))} | {
    "client_payout_currency",
    "client_payout_network",
}
FIELDS = [*registration(), "sub_3_price", "sub_3_time"]


def stored(conn: psycopg.Connection[Any]) -> Any:
    return conn.execute(
        "SELECT (SELECT count(*) FROM public.main_clients_database), (SELECT count(*) FROM public.broadcast_manager),"
        " (SELECT count(*) FROM public.registered_users)"
    ).fetchone()


def assert_clear(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    body = refused(answer, answer.status_code, answer.json()["code"])
    assert MARK not in answer.text
    assert body["code"]


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/auth/login"),
        ("POST", "/api/channels/register"),
        ("PUT", "/api/channels/-1003268562225"),
        ("POST", "/api/broadcast/trigger"),
        ("POST", "/api/broadcast/reactivate"),
    ],
)
def test_a_body_that_can_not_be_read_is_4xx(
    person: Person, owner_conn: psycopg.Connection[Any], method: str, path: str, body: bytes
) -> None:
    before = stored(owner_conn)
    assert_clear(person.http.request(method, path, content=body, headers=JSON))
    assert stored(owner_conn) == before


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_json_under_another_name_is_400(person: Person, content_type: str) -> None:
    content = json.dumps(registration()).encode()
    answer = person.http.post("/api/channels/register", content=content, headers={"Content-Type": content_type})
    body = refused(answer, 400, "validation_failed")
    assert body["details"] == {"body": "must be a JSON object"}


def test_each_field_refuses_each_bad_value(person: Person) -> None:
    person.register()
    channel = person.http.get("/api/channels").json()["channels"][0]
    path = f"/api/channels/{channel['open_channel_id']}"
    for field in FIELDS:
        values = VALUES if field in TEXTS else VALUES | NOT_QUITE_NUMBERS
        for name, value in values.items():
            if field == "notification_status" and name == "true":
                continue
            for method, target, body in (
                ("POST", "/api/channels/register", registration(**{field: value})),
                ("PUT", path, {field: value}),
            ):
                answer = person.http.request(method, target, content=json.dumps(body).encode(), headers=JSON)
                assert answer.status_code == 400, (method, field, name, answer.text)
                assert field in answer.json()["details"], (method, field, name, answer.text)
                assert_clear(answer)
    assert person.http.get("/api/channels").json()["channels"] == [channel]


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_login_with_bad_values_is_4xx(person: Person, value: object) -> None:
    for body in ({"username": value, "password": "x"}, {"username": person.username, "password": value}):
        content = json.dumps(body).encode()
        answer = person.http.post("/api/auth/login", content=content, headers=JSON)
        assert_clear(answer)
        assert answer.status_code in (400, 401)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_a_broadcast_id_of_bad_values_is_400(person: Person, value: object) -> None:
    content = json.dumps({"broadcast_id": value}).encode()
    for call in ("trigger", "reactivate"):
        answer = person.http.post(f"/api/broadcast/{call}", content=content, headers=JSON)
        refused(answer, 400, "validation_failed")
        assert_clear(answer)


@pytest.mark.parametrize(
    "part",
    ["%00", "-100%00326856", "%ff", "%ed%a0%80", "%F0%9F%92%A9", "'; DROP TABLE x; --", "-100326856222500000", "%0a"],
)
def test_bad_values_in_path_and_query_are_4xx(person: Person, part: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        body: dict[str, Any] | None = {} if method == "PUT" else None
        assert_clear(person.http.request(method, f"/api/channels/{part}", json=body))
        answer = person.http.request(method, f"/api/channels/-1003268562225?closed_channel_id={part}", json=body)
        assert set(refused(answer, 400, "validation_failed")["details"]) == {"closed_channel_id"}
    assert_clear(person.http.get(f"/api/broadcast/status/{part}"))


def test_fields_that_nobody_may_set_are_left_as_they_are(person: Person, other: Person) -> None:
    extra = {"client_id": str(other.user_id), "created_by": "someone else", "id": -1, "broadcast_id": "x"}
    registered = person.register(**extra).json()
    path = f"/api/channels/{registered['channel_id']}"
    assert person.http.put(path, json=extra).status_code == 200
    channel = person.http.get(path).json()
    assert (channel["client_id"], channel["created_by"]) == (str(person.user_id), person.username)
    assert channel["broadcast_id"] == registered["broadcast_id"]


@pytest.mark.parametrize("path", ["/api/auth/login", "/api/channels/register", "/api/broadcast/trigger"])
def test_a_body_above_the_limit_is_413(person: Person, path: str) -> None:
    content = b'{"open_channel_title": "' + b"x" * MAX_BODY_BYTES + b'"}'
    refused(person.http.post(path, content=content, headers=JSON), 413, "content_too_large")


def test_a_body_above_the_limit_that_comes_in_chunks_is_413(person: Person) -> None:
    chunks = (b"x" * 1024 for _ in range(MAX_BODY_BYTES // 1024 + 1))
    refused(person.http.post("/api/channels/register", content=chunks, headers=JSON), 413, "content_too_large")


def test_the_largest_channel_is_within_the_limit(person: Person) -> None:
    channel = registration(
        open_channel_title="\U0001f4e2" * 30,
        open_channel_description="\U0001f4e2" * 140,
        closed_channel_title="\U0001f4e2" * 30,
        closed_channel_description="\U0001f4e2" * 140,
        closed_channel_donation_message="\U0001f4e2" * 256,
        client_wallet_address="x" * 95,
    )
    answer = person.http.post("/api/channels/register", content=json.dumps(channel).encode(), headers=JSON)
    assert answer.status_code == 201
    read = person.http.get(f"/api/channels/{channel['open_channel_id']}").json()
    assert read["closed_channel_donation_message"] == "\U0001f4e2" * 256


@pytest.mark.parametrize("token", ["\x80\xff", "a b c", "." * 5000, "=" * 100, "eyJhbGciOiJIUzI1NiJ9..", "{}"])
def test_bad_tokens_are_401(person: Person, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode("latin-1").decode("latin-1")}
    refused(person.http.get("/api/channels", headers=httpx.Headers(headers, encoding="latin-1")), 401, "token_invalid")


def test_injection_is_just_text(person: Person, owner_conn: psycopg.Connection[Any]) -> None:
    channels, broadcasts, users = stored(owner_conn)
    text = "'); DROP TABLE broadcast_manager"
    registered = person.register(open_channel_title=text[:30]).json()
    assert person.http.get(f"/api/channels/{registered['channel_id']}").json()["open_channel_title"] == text[:30]
    refused(log_in(person.http, "' OR TRUE; --"), 401, "login_failed")
    assert stored(owner_conn) == (channels + 1, broadcasts + 1, users)
    assert person.http.get("/api/auth/me", headers=bearer(person.access_token)).status_code == 200
