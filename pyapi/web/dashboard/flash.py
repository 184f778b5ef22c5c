"""What a page says once, after something was done on the page before: kept in a cookie for that one step."""

from dataclasses import dataclass

from fastapi import Request, Response

from pyapi.web.dashboard.sessions import forget, set_short_cookie

_COOKIE = "broadcast_manager_notice"


@dataclass(frozen=True)
class Notice:
    """A sentence, and an id that goes with it or None; kind is the style sheet's class."""

    text: str
    code: str | None = None
    kind: str = "good"


# Nothing but these sentences: a cookie is not ours once it has left.
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


def leave_notice(request: Request, response: Response, name: str, code: object = "") -> None:
    """Have the next page say a sentence of ours, and the id with it."""
    set_short_cookie(request, response, _COOKIE, f"{name}.{code}")


def take_notice(request: Request) -> Notice | None:
    """What the page before left to say."""
    name, _, code = request.cookies.get(_COOKIE, "").partition(".")
    sentence = _SENTENCES.get(name)
    return Notice(sentence, code[:36] or None) if sentence else None


def forget_notice(request: Request, response: Response) -> None:
    """Say it once only."""
    if _COOKIE in request.cookies:
        forget(request, response, _COOKIE)
