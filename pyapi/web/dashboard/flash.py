"""What a page says once, after something was done on the page before: kept in a signed cookie for that one step."""

from dataclasses import dataclass

import jwt
from fastapi import Request, Response

from pyapi.web.dashboard.sessions import forget, set_short_cookie
from pyapi.web.dashboard.state import secret_of

_COOKIE = "broadcast_manager_notice"
_ALGORITHM = "HS256"
_MOST_LETTERS = 60


@dataclass(frozen=True)
class Notice:
    """A sentence, the channel that it is about and an id that goes with it; kind is the style sheet's class."""

    text: str
    code: str | None = None
    about: str | None = None
    kind: str = "good"


_SENTENCES = {
    "registered": "The channel is registered and its broadcast is set up. Its broadcast id:",
    "saved": "Your changes are saved.",
    "deleted": "The channel is deleted, and its broadcast row with it:",
    "deleted_alone": "The channel is deleted.",
    "queued": "The two messages are queued and go out as soon as it is their turn.",
    "reactivated": "The broadcast is switched on again, and goes out at its next turn.",
    "reactivated_now": "The broadcast is switched on again, and the two messages are queued.",
    "paused": "The broadcast is paused: nothing is sent until you resume it.",
    "skipped": "The next turn is skipped.",
    "scheduled": "The schedule is saved.",
    "unchanged": "Nothing was changed.",
}


def leave_notice(request: Request, response: Response, name: str, code: object = "", about: str = "") -> None:
    """Have the next page say a sentence of ours, with the channel's title before it and an id behind it."""
    # Signed: whoever serves a neighbouring domain can set a cookie, too.
    said = {"notice": name, "code": str(code), "about": about[:_MOST_LETTERS]}
    set_short_cookie(request, response, _COOKIE, jwt.encode(said, secret_of(request), algorithm=_ALGORITHM))


def take_notice(request: Request) -> Notice | None:
    """What the page before left to say."""
    try:
        said = jwt.decode(request.cookies.get(_COOKIE, ""), secret_of(request), algorithms=[_ALGORITHM])
    except (jwt.InvalidTokenError, RecursionError, ValueError):
        return None
    sentence = _SENTENCES.get(said.get("notice", ""))
    return Notice(sentence, said["code"] or None, said["about"] or None) if sentence else None


def forget_notice(request: Request, response: Response) -> None:
    """Say it once only."""
    if _COOKIE in request.cookies:
        forget(request, response, _COOKIE)
