"""What a front end in a browser, and whoever mistypes an address, gets."""

import httpx
import pytest

from tests.api.calls import Person, World, refused, served

ORIGIN = "https://front.example.org"


@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/channels/", "/api/broadcast/nothing"])
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
        # What a page may read of the answer, beside its body.
        assert set(refusal.headers["access-control-expose-headers"].split(", ")) == {"Retry-After", "X-Request-ID"}
        stranger = http.get("/api/channels", headers={"Origin": "https://elsewhere.example.org"})
        assert "access-control-allow-origin" not in stranger.headers
