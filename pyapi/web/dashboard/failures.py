"""What goes wrong on the way to a page, as a page that shows the way on."""

from dataclasses import dataclass

import structlog
from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from pyapi.web.dashboard.sessions import SESSION_COOKIE, FormRefused, OperatorsOnly, SignInNeeded, forget
from pyapi.web.dashboard.view import page
from pyapi.web.failures import failure_of
from pyapi.web.middleware.request_log import path_for_log

log = structlog.get_logger()

# Asked for by the script, which knows what a status means.
_FOR_THE_SCRIPT = ("/events", "/channels/list", "/channels/preview", "/operator/health")


@dataclass(frozen=True)
class _Words:
    heading: str
    text: str
    href: str = "/"
    link: str = "Go to your channels"


_WORDS = {
    400: _Words("This request cannot be read", "The form did not arrive as it was sent. Go back and try again."),
    403: _Words("This is not yours to see", "It belongs to another account. Your own channels are all on one page."),
    404: _Words("There is nothing here", "The page or the channel is gone, or the address has a mistake in it."),
    405: _Words("There is nothing here", "This address takes no such request."),
    409: _Words("Several channels fit", "Choose the one that you mean from your channels."),
    413: _Words("This form is too large", "No channel needs that many characters. Shorten the texts and try again."),
    414: _Words("There is nothing here", "No page of ours has such a long address."),
    415: _Words("This request cannot be read", "It did not arrive as a form of ours. Go back and try again."),
    429: _Words("Too many requests", "Wait a little, then try again."),
    431: _Words(
        "This request is too large",
        "Your browser sent more cookies than are taken here. Delete those of this site, then sign in again.",
    ),
    503: _Words("The database does not answer right now", "Nothing is lost. Try again in a moment.", link="Try again"),
}
_OURS = _Words("Something went wrong on our side", "It has been noted. Nothing was stored by this request.")
_OPERATORS_ONLY = _Words("This page is for operators", "Your account is not one of theirs.")
_REFUSED = _Words(
    "This form is no longer valid",
    "It came from a page of another site, or your browser did not say from which. Nothing was changed. Open it here, "
    "and send it again.",
)


async def page_of_failure(request: Request, error: Exception) -> Response:
    """The exception handler of everything outside of /api: a page, or for the script the status alone."""
    failure = failure_of(error)
    if failure.status >= 500:
        log.error(
            "dashboard.failed",
            method=request.method,
            path=path_for_log(request.url.path),
            code=failure.code,
            reason=type(error).__name__,
        )
    if request.url.path in _FOR_THE_SCRIPT:
        return PlainTextResponse(failure.error, failure.status, dict(failure.headers))
    words = _WORDS.get(failure.status, _OURS)
    # A form that was sent cannot be sent again by a link.
    again = request.url.path if failure.status == 503 and request.method == "GET" else words.href
    return _page(request, failure.status, words, again, failure.headers.get("Retry-After"))


async def _to_login(request: Request, error: Exception) -> Response:
    del error
    if request.url.path in _FOR_THE_SCRIPT:
        return PlainTextResponse("Sign in first", 401)
    response = RedirectResponse("/login", 303)
    if SESSION_COOKIE in request.cookies:
        forget(request, response, SESSION_COOKIE)
    return response


async def _refused(request: Request, error: Exception) -> Response:
    del error
    return _page(request, 403, _REFUSED)


async def _operators_only(request: Request, error: Exception) -> Response:
    del error
    return _page(request, 403, _OPERATORS_ONLY)


# What only the dashboard raises.
HANDLERS = {SignInNeeded: _to_login, FormRefused: _refused, OperatorsOnly: _operators_only}


def _page(
    request: Request, status: int, words: _Words, href: str | None = None, retry_after: str | None = None
) -> Response:
    response = page(
        request,
        "error.html",
        status,
        status=status,
        heading=words.heading,
        text=words.text,
        href=href or words.href,
        link=words.link,
    )
    if retry_after:
        response.headers["Retry-After"] = retry_after
    return response
