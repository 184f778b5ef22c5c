"""Who looks at a page: the session cookie, and the token against cross-site requests that every form carries.

The session is a signed token (pyapi.web.tokens); the user behind it is read anew for each request, so that one who
was switched off or deleted is signed out.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from starlette.datastructures import FormData
from structlog.contextvars import bind_contextvars

from pyapi.channels.accounts import User, read_user
from pyapi.pool import connection
from pyapi.web.dashboard.state import pool_of, secret_of
from pyapi.web.tokens import LIFETIMES, TokenInvalid, issue_token, read_token

SESSION_COOKIE = "broadcast_manager_session"
LOGIN_COOKIE = "broadcast_manager_login"
_MAX_FIELDS = 60


class SignInNeeded(Exception):
    """There is no session, or no longer."""


class FormRefused(Exception):
    """The form does not carry the session's token: it is another site's, or of an earlier session."""


class OperatorsOnly(Exception):
    """The page is for operators, and the user is none."""


@dataclass(frozen=True)
class Session:
    """A signed-in user, the token that the session's forms carry, and when the session ends."""

    user: User
    csrf: str
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
    if user is None or not user.is_active or claims.csrf is None:
        raise SignInNeeded
    bind_contextvars(client_id=str(user.user_id))
    session = Session(user, claims.csrf, claims.expires_at)
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
    """The texts of a form that this session's page gave out.

    Raises:
        FormRefused: it does not carry the session's token.
    """
    fields = texts(await request.form(max_files=0, max_fields=_MAX_FIELDS))
    check_csrf(fields, session.csrf)
    return fields


OwnForm = Annotated[dict[str, str], Depends(own_form)]


async def login_form(request: Request) -> dict[str, str]:
    """The texts of a login form that was given out to this browser.

    Raises:
        FormRefused: the form and the browser's cookie do not carry the same token.
    """
    fields = texts(await request.form(max_files=0, max_fields=_MAX_FIELDS))
    check_csrf(fields, request.cookies.get(LOGIN_COOKIE, ""))
    return fields


LoginForm = Annotated[dict[str, str], Depends(login_form)]


def check_csrf(fields: dict[str, str], expected: str) -> None:
    """Compare a form's token with the expected one, in constant time.

    Raises:
        FormRefused: they differ, or there is none.
    """
    given = fields.get("csrf", "")
    if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
        raise FormRefused


def texts(form: FormData) -> dict[str, str]:
    """The fields that hold text, the last one where a name is given twice."""
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def begin_session(request: Request, response: Response, user: User) -> None:
    """Sign the user in: a fresh session, and the login's token is used up."""
    token = issue_token(user, "session", secret_of(request))
    lifetime = int(LIFETIMES["session"].total_seconds())
    _set_cookie(request, response, SESSION_COOKIE, token, lifetime)
    forget(request, response, LOGIN_COOKIE)


def begin_login(request: Request, response: Response, csrf: str) -> None:
    """Give the browser the token that its login form carries."""
    _set_cookie(request, response, LOGIN_COOKIE, csrf, 3600)


def login_csrf(request: Request) -> str:
    """The token for a login form: the browser's, so that a second tab does not break the first, or a fresh one."""
    return request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(32)


def forget(request: Request, response: Response, cookie: str) -> None:
    """Delete a cookie of ours."""
    response.delete_cookie(cookie, path="/", secure=_is_secure(request), httponly=True, samesite="strict")


def set_short_cookie(request: Request, response: Response, cookie: str, value: str) -> None:
    """Set a cookie of ours for a minute: what the next page is to say."""
    _set_cookie(request, response, cookie, value, 60)


def seconds_left(session: Session) -> float:
    """Seconds until the session ends, 0 when it has."""
    return max(0.0, (session.expires_at - datetime.now(UTC)).total_seconds())


def _set_cookie(request: Request, response: Response, cookie: str, value: str, max_age: int) -> None:
    response.set_cookie(
        cookie, value, max_age=max_age, path="/", secure=_is_secure(request), httponly=True, samesite="strict"
    )


def _is_secure(request: Request) -> bool:
    # Behind a proxy uvicorn takes the scheme from X-Forwarded-Proto.
    return request.url.scheme == "https"
