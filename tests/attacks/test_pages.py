"""What a link or a request made by somebody else can do: lead nowhere else, and get no answer without its armour."""

import httpx
import pytest

from pyapi.web.dashboard.sessions import SESSION_COOKIE
from tests.api.calls import PASSWORD, Person, World
from tests.dashboard.test_cookies_and_headers import CSP
from tests.dashboard.visitor import SENT_BY_US, Visitor

ELSEWHERE = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\thttps://evil.example",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_signing_in_and_out_leads_to_pages_of_ours_only(base_url: str, person: Person, target: str) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Referer": target.strip()}
    names = ("next", "redirect", "return_to", "url", "continue")
    with httpx.Client(base_url=base_url, timeout=30) as http:
        assert http.get("/login", params=dict.fromkeys(names, target), headers=headers).status_code == 200
        headers |= SENT_BY_US
        form = {"username": person.username, "password": PASSWORD} | dict.fromkeys(names, target)
        answer = http.post("/login", params=dict.fromkeys(names, target), data=form, headers=headers)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        out = http.post("/logout", data=dict.fromkeys(names, target), headers=headers)
        assert (out.status_code, out.headers["location"]) == (303, "/login")


@pytest.mark.parametrize(
    "path", ["//evil.example", "//evil.example/..", "/%5cevil.example", "/login/", "/static//evil.example/"]
)
def test_no_address_is_redirected_to_another_host(base_url: str, path: str) -> None:
    with httpx.Client(timeout=30) as http:
        answer = http.get(f"{base_url}{path}", headers={"Host": "evil.example"})
    assert "evil.example" not in answer.headers.get("location", "")
    assert answer.status_code in (303, 404)


@pytest.mark.parametrize(
    "path", ["../settings.py", "..%2fsettings.py", "%2e%2e/%2e%2e/cli.py", "....//app.py", "%00", "/etc/passwd"]
)
@pytest.mark.parametrize("folder", ["/static/", "/docs/static/"])
def test_no_file_outside_the_folders_is_served(anonymous: httpx.Client, folder: str, path: str) -> None:
    # Sent as it is: the client would tidy it up.
    url = anonymous.base_url.copy_with(raw_path=f"{folder}{path}".encode())
    answer = anonymous.send(httpx.Request("GET", url))
    assert answer.status_code == 404, answer.text[:100]


def test_every_kind_of_answer_wears_the_headers(person: Person, world: World, anonymous: httpx.Client) -> None:
    visitor = Visitor.signed_in(world.base_url, person)
    answers: dict[str, httpx.Response] = {
        "page": visitor.http.get("/"),
        "not found": visitor.http.get("/nothing"),
        "redirect": anonymous.get("/"),
        "form refused": visitor.http.post("/channels/new", data={"x": "y"}, headers={"Sec-Fetch-Site": "same-site"}),
        "too large": visitor.http.post("/channels/new", content=b"x" * 70_000),
        "many parts": visitor.http.post("/login", files={f"f{n}": (None, "x") for n in range(100)}),
        "a file": visitor.http.post("/login", files={"f": ("f.txt", b"x")}),
        "address too long": visitor.http.get("/", params={"x": "y" * 9_000}),
        "headers too large": anonymous.get("/api/channels", headers={"X": "y" * 17_000}),
        "method": visitor.http.put("/login"),
        "api": person.http.get("/api/channels"),
        "api, refused": anonymous.get("/api/channels"),
        "api, not found": anonymous.get("/api/nothing"),
        "api, invalid": person.http.post("/api/channels/register", json=[]),
        "document": anonymous.get("/openapi.json"),
        "asset": anonymous.get("/static/dashboard.js"),
    }
    for name, answer in answers.items():
        assert answer.status_code < 500, name
        assert answer.headers["content-security-policy"] == CSP, name
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert answer.headers["referrer-policy"] == "same-origin", name
        assert answer.headers["cache-control"] == ("no-cache" if name == "asset" else "no-store"), name
        assert "server" not in answer.headers or "/" not in answer.headers["server"], name
    visitor.http.close()


def test_a_form_of_another_site_has_no_cookie_to_go_with_it(world: World, person: Person) -> None:
    """SameSite=Strict keeps the browser from sending it; what comes without it is nobody's."""
    visitor = Visitor.signed_in(world.base_url, person)
    form = {"open_channel_title": "x"}
    for site in ("https://evil.example", "null"):
        with httpx.Client(base_url=world.base_url, headers={"Origin": site, "Sec-Fetch-Site": "cross-site"}) as http:
            for path in ("/channels/new", "/logout"):
                answer = http.post(path, data=form)
                assert answer.headers.get("location") == "/login"
            assert "access-control-allow-origin" not in answer.headers
    assert {cookie.name for cookie in visitor.http.cookies.jar} == {SESSION_COOKIE}
    visitor.http.close()
