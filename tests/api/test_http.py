"""What a front end in a browser, and whoever mistypes an address, gets."""

import httpx
import pytest

from tests.api.calls import Person, World, refused, registration, served

ORIGIN = "https://front.example.org"


@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api//", "/api/channels//", "/api/broadcast/nothing"])
def test_an_unknown_address_is_404_in_the_apis_shape(anonymous: httpx.Client, path: str) -> None:
    refused(anonymous.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/auth/login", {"POST"}),
        ("DELETE", "/api/channels", {"GET"}),
        ("PATCH", "/api/channels/-1003268562225", {"GET", "PUT", "DELETE"}),
        ("PUT", "/api/broadcast/trigger", {"POST"}),
        ("POST", "/api/health", {"GET"}),
    ],
)
def test_another_method_is_405_and_names_one_that_is_allowed(
    anonymous: httpx.Client, method: str, path: str, allowed: set[str]
) -> None:
    answer = anonymous.request(method, path)
    refused(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) <= allowed


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/channels/"), ("GET", "/api/auth/me/"), ("GET", "/api/mappings/currency-network/")],
)
def test_a_slash_at_the_end_changes_nothing(person: Person, method: str, path: str) -> None:
    answer = person.http.request(method, path)
    assert (answer.status_code, answer.json()) == (200, person.http.request(method, path[:-1]).json())


def test_a_slash_at_the_end_registers_edits_and_deletes(person: Person) -> None:
    registered = person.http.post("/api/channels/register/", json=registration())
    assert registered.status_code == 201
    path = f"/api/channels/{registered.json()['channel_id']}/"
    assert person.http.put(path, json={"open_channel_title": "x"}).status_code == 200
    assert person.http.delete(path).status_code == 200


@pytest.mark.parametrize("malformed", ["abc", "1", "-1003268562225x", "%00", "%ff", "null", "-100326856222512345"])
def test_nothing_has_a_malformed_id(person: Person, malformed: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = person.http.request(method, f"/api/channels/{malformed}", json={"open_channel_title": "x"})
        refused(answer, 404, "channel_not_found")
    refused(person.http.get(f"/api/broadcast/status/{malformed}"), 404, "broadcast_not_found")


def preflight(http: httpx.Client) -> httpx.Response:
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type,x-request-id",
    }
    return http.options("/api/channels/-1003268562225", headers=headers)


def test_without_the_setting_no_other_origin_may_call(person: Person) -> None:
    assert "access-control-allow-origin" not in preflight(person.http).headers
    answer = person.http.get("/api/channels", headers={"Origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers


def test_only_the_origins_of_the_setting_may_call(world: World) -> None:
    settings = world.settings.model_copy(update={"cors_origins": [ORIGIN, "http://localhost:3000"]})
    with served(settings) as (url, _), httpx.Client(base_url=url, timeout=30) as http:
        allowed = preflight(http)
        assert allowed.status_code == 200
        assert allowed.headers["access-control-allow-origin"] == ORIGIN
        assert {"GET", "POST", "PUT", "DELETE"} <= set(allowed.headers["access-control-allow-methods"].split(", "))
        refusal = http.get("/api/channels", headers={"Origin": ORIGIN})
        assert (refusal.status_code, refusal.headers["access-control-allow-origin"]) == (401, ORIGIN)
        too_large = http.get("/api/channels", headers={"Origin": ORIGIN, "X": "y" * 17_000})
        # Otherwise the browser keeps the answer from the page.
        for answer in (allowed, refusal, too_large):
            assert answer.headers["access-control-allow-credentials"] == "true"
        # What a page may read of the answer, beside its body.
        assert set(refusal.headers["access-control-expose-headers"].split(", ")) == {"Retry-After", "X-Request-ID"}
        stranger = http.get("/api/channels", headers={"Origin": "https://elsewhere.example.org"})
        assert not {name for name in stranger.headers if name.startswith("access-control-")}
        # The dashboard is used with a cookie, and is nobody else's.
        page = http.get("/login", headers={"Origin": ORIGIN})
        assert not {name for name in page.headers if name.startswith("access-control-")}
