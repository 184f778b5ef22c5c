"""Uses the dashboard as a browser without a script does: pages, forms, cookies."""

from dataclasses import dataclass
from html.parser import HTMLParser

import httpx

from tests.api.calls import PASSWORD, Person, registration


class _Values(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.by_name: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and (name := found.get("name")):
            self.by_name[name] = found.get("value") or ""


def inputs_of(answer: httpx.Response) -> dict[str, str]:
    """The inputs of a page's forms, hidden ones as well, with their values."""
    values = _Values()
    values.feed(answer.text)
    return values.by_name


# What a browser says of a form that a page of the same origin sends.
SENT_BY_US = {"Sec-Fetch-Site": "same-origin"}


def log_in(http: httpx.Client, username: str, password: str = PASSWORD) -> httpx.Response:
    """Send the login page's form; the connection goes on as a browser that is on our pages."""
    http.headers.update(SENT_BY_US)
    return http.post("/login", data={"username": username, "password": password})


def channel_form(**changes: str) -> dict[str, str]:
    """A channel as the form sends it."""
    channel = {name: str(value) for name, value in registration().items()}
    return channel | {"notification_status": "true"} | changes


@dataclass(frozen=True)
class Visitor:
    """A user who has signed in, and a connection that keeps the cookies."""

    person: Person
    http: httpx.Client

    @classmethod
    def signed_in(cls, base_url: str, person: Person) -> "Visitor":
        """Sign in with the tests' password."""
        http = httpx.Client(base_url=base_url, timeout=30)
        answer = log_in(http, person.username)
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
        return cls(person, http)

    def send(self, path: str, **fields: str) -> httpx.Response:
        """Send a form."""
        return self.http.post(path, data={"sent": "yes"} | fields)

    def resend(self, path: str) -> httpx.Response:
        """Click on Send now, on the page that a channel's path has for it."""
        return self.http.post(f"{path}/resend", data=inputs_of(self.http.get(f"{path}/resend")))

    def register(self, **changes: str) -> str:
        """Register a channel by the form; the path of its pages."""
        form = channel_form(**changes)
        answer = self.send("/channels/new", **form)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/"), answer.text
        return f"/channels/{form['open_channel_id']}/{form['closed_channel_id']}"
