"""ops/proxy/nginx.conf with the real program: this service and a stand-in for the other one behind one origin."""

import json
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from pyapi.web.dashboard.sessions import SESSION_COOKIE
from tests.api.calls import Person, World, bearer, log_in, registration
from tests.dashboard.visitor import log_in as log_in_by_form
from tools.databases import ROOT
from tools.telegram import until

CONF = ROOT / "ops" / "proxy" / "nginx.conf"
# Written into a folder of the test's own: nginx runs as whoever runs the tests.
AROUND = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class _Accounts(BaseHTTPRequestHandler):
    """The other service: tells what came, and sets a cookie of its own."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        said = {"service": "accounts", "path": self.path, "body": body, "headers": dict(self.headers)}
        answer = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("Set-Cookie", 'accounts="quoted \\042 value"; Path=/')
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def accounts() -> Iterator[int]:
    """Port of the other service."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Accounts) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def base_url(world: World) -> str:
    """Address of the application itself; people sign in there first."""
    return world.base_url


@pytest.fixture
def origin(world: World, accounts: int, program: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    """Where nginx listens with the example, its ports replaced."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = CONF.read_text()
    for here, there in {
        "server 127.0.0.1:8080;": f"server 127.0.0.1:{httpx.URL(world.base_url).port};",
        "server 127.0.0.1:5000;": f"server 127.0.0.1:{accounts};",
        "listen 80;": f"listen 127.0.0.1:{port};",
    }.items():
        assert site.count(here) == 1
        site = site.replace(here, there)
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(AROUND.format(folder=tmp_path))
    command = [
        program("nginx"),
        "-p",
        str(tmp_path),
        "-c",
        str(tmp_path / "nginx.conf"),
        "-e",
        str(tmp_path / "start.log"),
    ]
    with subprocess.Popen(command) as nginx:
        try:
            until(lambda: _answers(port), "nginx listens")
            yield f"http://127.0.0.1:{port}"
        finally:
            nginx.terminate()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_both_services_answer_behind_one_origin(origin: str, person: Person) -> None:
    with httpx.Client(base_url=origin, timeout=30) as http:
        for path in (
            "signup",
            "verify-email",
            "resend-verification",
            "forgot-password",
            "reset-password",
            "login-link",
        ):
            told = http.post(f"/api/auth/{path}", json={"username": "new"}).json()
            assert (told["service"], told["path"]) == ("accounts", f"/api/auth/{path}")
            assert json.loads(told["body"]) == {"username": "new"}
        assert http.get("/api/account/profile?x=1").json()["path"] == "/api/account/profile?x=1"
        assert http.get("/api/healthy").json()["service"] == "accounts"
        # The other service's cookie goes to both; ours do their work beside it.
        assert "accounts" in http.cookies
        token = log_in(http, person.username).json()["access_token"]
        http.headers.update(bearer(token))
        assert http.get("/api/auth/me").json()["user_id"] == str(person.user_id)
        registered = http.post("/api/channels/register", json=registration()).json()
        assert http.get("/api/channels/").json()["count"] == 1
        path = f"/api/channels/{registered['channel_id']}"
        assert http.put(path, json={"open_channel_title": "x"}).json()["channel"]["open_channel_title"] == "x"
        trigger = {"broadcast_id": registered["broadcast_id"]}
        assert http.post("/api/broadcast/trigger", json=trigger).status_code == 200
        assert http.post("/api/auth/refresh", headers=bearer(person.refresh_token)).status_code == 200
        assert http.delete(path).status_code == 200
        assert http.get("/api/mappings/currency-network").status_code == 200
        assert http.get("/api/health").json()["status"] == "healthy"


def test_every_call_of_ours_comes_to_us(origin: str) -> None:
    with httpx.Client(base_url=origin, timeout=30) as http:
        paths = http.get("/openapi.json").json()["paths"]
        for path, operations in paths.items():
            for method in operations:
                answer = http.request(method, re.sub(r"{\w+}", "-1003268562225", path))
                assert "accounts" not in answer.text, (method, path)


def test_the_dashboard_works_behind_it_in_browsers_old_and_new(origin: str, person: Person) -> None:
    with httpx.Client(base_url=origin, timeout=30) as http:
        http.get("/api/account/profile")
        assert log_in_by_form(http, person.username).status_code == 303
        # Browsers that do not send it are known by the origin, port included.
        del http.headers["Sec-Fetch-Site"]
        assert http.post("/logout", data={"x": "y"}, headers={"Origin": "https://evil.example"}).status_code == 403
        with http.stream("GET", "/events") as events:
            assert next(events.iter_lines()) == "event: changed"
        assert http.post("/logout", data={"x": "y"}, headers={"Origin": origin}).status_code == 303
        assert SESSION_COOKIE not in http.cookies


def test_nobody_chooses_the_address_that_is_counted(origin: str) -> None:
    spoofed = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"}
    told = httpx.get(f"{origin}/api/account", headers=spoofed).json()["headers"]
    assert (told["X-Forwarded-For"], told["X-Forwarded-Proto"]) == ("127.0.0.1", "http")
