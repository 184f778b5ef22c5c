"""What the list of channels shows: search, state, order and place, all of it in the address."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response

from pyapi.web.dashboard.sessions import forget, set_cookie

# Where one was: the pages that change a channel lead back there.
_COOKIE = "broadcast_manager_list"
_SECONDS = 3600
_MOST_LETTERS = 100
_MOST_FIELDS = 20

SORTS = {"attention": "Needs attention first", "title": "Title", "next": "Next send"}
STATES = ("none", "off", "failed", "unknown", "skipped", "sending", "queued", "scheduled", "sent")


@dataclass(frozen=True)
class ListView:
    """One view of the list; after and before are places of broadcast.channel_page(), empty for the first page."""

    search: str = ""
    state: str = ""
    sort: str = "attention"
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def is_filtered(self) -> bool:
        """Whether some channels may be left out."""
        return bool(self.search or self.state)

    @property
    def query(self) -> str:
        """The view as an address has it, behind the question mark; empty for the list as it comes first."""
        pairs = [("q", self.search), ("state", self.state), ("sort", "" if self.sort == "attention" else self.sort)]
        places = [("after", part) for part in self.after] + [("before", part) for part in self.before]
        return urlencode([pair for pair in pairs if pair[1]] + places)

    @property
    def href(self) -> str:
        """The address of the view."""
        return f"/?{self.query}" if self.query else "/"

    def at(self, *, after: list[str] | None = None, before: list[str] | None = None) -> "ListView":
        """The same search, state and order at another place; at none: the first page."""
        return replace(self, after=tuple(after or ()), before=tuple(before or ()))

    def with_state(self, state: str) -> "ListView":
        """The first page of another state, of the same search."""
        return replace(self.at(), state=state)


def read_view(pairs: Iterable[tuple[str, str]]) -> ListView:
    """The view that an address asks for; what is no view is the list as it comes first."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        # No title has a NUL, and the database takes none.
        values.setdefault(name, []).append(value.replace("\0", "")[:_MOST_LETTERS])
    sort, state = values.get("sort", [""])[0], values.get("state", [""])[0]
    return ListView(
        values.get("q", [""])[0].strip(),
        state if state in STATES else "",
        sort if sort in SORTS else "attention",
        _place(values.get("after")),
        _place(values.get("before")),
    )


def _place(parts: list[str] | None) -> tuple[str, ...]:
    return tuple(parts) if parts and len(parts) == 4 else ()


def remember(request: Request, response: Response, view: ListView) -> None:
    """Keep where one is, for the pages that lead back."""
    if view.query:
        # Of the signs that a cookie of ours has (pyapi.web.middleware.head_limit).
        value = urlsafe_b64encode(view.query.encode()).decode().rstrip("=")
        set_cookie(request, response, _COOKIE, value, _SECONDS)
    elif _COOKIE in request.cookies:
        forget(request, response, _COOKIE)


def where_one_was(request: Request) -> ListView:
    """The list as it was seen last."""
    value = request.cookies.get(_COOKIE, "")
    try:
        query = urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
        return read_view(parse_qsl(query, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return ListView()
