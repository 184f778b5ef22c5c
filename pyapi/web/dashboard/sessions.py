"""Who looks at a page, by the session cookie; and the forms that they send, which no other site's page can.

The session is a signed token (pyapi.web.tokens); the user behind it is read anew for each request, so that one who
was switched off or deleted is signed out.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from structlog.contextvars import bind_contextvars

from pyapi.channels.accounts import User, read_user
from pyapi.pool import connection
from pyapi.web.dashboard.state import pool_of, secret_of
from pyapi.web.tokens import LIFETIMES, TokenInvalid, issue_token, read_token

SESSION_COOKIE = "broadcast_manager_session"
_FORM_TYPES = {f"application/x-www-form-urlencoded{charset}" for charset in ("", ";charset=utf-8", ';charset="utf-8"')}
_MAX_FIELDS = 60
# The largest channel takes some 12 KiB when each character is escaped, and to unescape takes a while.
MAX_FORM_BYTES = 16 * 1024


class SignInNeeded(Exception):
    """There is no session, or no longer."""


class FormRefused(Exception):
    """The form is another site's, or the browser does not say whose."""


class OperatorsOnly(Exception):
    """The page is for operators, and the user is none."""


@dataclass(frozen=True)
class Session:
    """A signed-in user, and when the session ends."""

    user: User
    expires_at: datetime


async def signed_in(request: Request) -> Session:
    """The session of the request.

    Raises:
        SignInNeeded: no cookie, a forged or expired one, or a user who is gone or switched off.
        psycopg.Error: the database did not answer.
    """
    try:
        claims = read_token(request.cookies.get(SESSION_COOKIE, ""), "session", secret_of(request))
    except TokenInvalid as error:
        raise SignInNeeded from error
    async with connection(pool_of(request)) as conn:
        user = await read_user(conn, claims.user_id)
    if user is None or not user.is_active:
        raise SignInNeeded
    bind_contextvars(client_id=str(user.user_id))
    session = Session(user, claims.expires_at)
    # Error pages show who is signed in, too.
    request.state.session = session
    return session


SignedIn = Annotated[Session, Depends(signed_in)]


async def operator(session: SignedIn) -> Session:
    """The session of an operator.

    Raises:
        OperatorsOnly: the user is none.
    """
    if not session.user.is_operator:
        raise OperatorsOnly
    return session


Operator = Annotated[Session, Depends(operator)]


async def own_form(request: Request, session: SignedIn) -> dict[str, str]:
    """The texts of a form that a page of ours sent, in a session.

    Raises:
        FormRefused, HTTPException: as read_form().
    """
    del session
    return await read_form(request)


OwnForm = Annotated[dict[str, str], Depends(own_form)]


async def read_form(request: Request) -> dict[str, str]:
    """The texts of a form that a page of ours sent, the last one where a name is given twice.

    Raises:
        FormRefused: another site's page sent it, or nobody says whose.
        HTTPException: 415, it is no urlencoded form in UTF-8; 413, it is too large; 400, it cannot be read.
    """
    if not _sent_by_us(request):
        raise FormRefused
    content_type = request.headers.get("content-type", "").replace(" ", "").lower()
    if content_type not in _FORM_TYPES:
        raise HTTPException(415)
    try:
        body = await request.body()
    except ClientDisconnect:
        raise HTTPException(400) from None
    if len(body) > MAX_FORM_BYTES:
        raise HTTPException(413)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise HTTPException(400) from None
    return dict(fields)


LoginForm = Annotated[dict[str, str], Depends(read_form)]


def _sent_by_us(request: Request) -> bool:
    """Whether the browser says that the request comes from this origin.

    Over https and on localhost current browsers say it in Sec-Fetch-Site. All others name the page's origin with a
    POST. Who says neither is no browser that people use today.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = request.headers.get("host")
    return bool(host) and request.headers.get("origin") in {f"http://{host}", f"https://{host}"}


def begin_session(request: Request, response: Response, user: User) -> None:
    """Sign the user in: a fresh session."""
    token = issue_token(user, "session", secret_of(request))
    lifetime = int(LIFETIMES["session"].total_seconds())
    set_cookie(request, response, SESSION_COOKIE, token, lifetime)


def forget(request: Request, response: Response, cookie: str) -> None:
    """Delete a cookie of ours."""
    response.delete_cookie(cookie, path="/", secure=_is_secure(request), httponly=True, samesite="strict")


def set_short_cookie(request: Request, response: Response, cookie: str, value: str) -> None:
    """Set a cookie of ours for a minute: what the next page is to say."""
    set_cookie(request, response, cookie, value, 60)


def seconds_left(session: Session) -> float:
    """Seconds until the session ends, 0 when it has."""
    return max(0.0, (session.expires_at - datetime.now(UTC)).total_seconds())


def set_cookie(request: Request, response: Response, cookie: str, value: str, max_age: int) -> None:
    """Set a cookie of ours for so many seconds."""
    response.set_cookie(
        cookie, value, max_age=max_age, path="/", secure=_is_secure(request), httponly=True, samesite="strict"
    )


def _is_secure(request: Request) -> bool:
    # Behind a proxy uvicorn takes the scheme from X-Forwarded-Proto.
    return request.url.scheme == "https"
