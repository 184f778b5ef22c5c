"""Signing in and out."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from pyapi.channels.accounts import AccountInactive, LoginFailed, authenticate
from pyapi.web.dashboard.sessions import (
    SESSION_COOKIE,
    LoginForm,
    OwnForm,
    SignInNeeded,
    begin_session,
    forget,
    signed_in,
)
from pyapi.web.dashboard.state import login_limit_of, pool_of
from pyapi.web.dashboard.view import page
from pyapi.web.login_limit import LoginRateLimited

router = APIRouter(include_in_schema=False)

_WRONG = "Username or password is wrong."
_INACTIVE = "This account is switched off. Please ask the operators."


@router.get("/login")
async def show_login(request: Request) -> Response:
    """The form to sign in; who is signed in already goes on to the channels."""
    try:
        await signed_in(request)
    except SignInNeeded:
        return _login_page(request)
    return RedirectResponse("/", 303)


@router.post("/login")
async def sign_in(request: Request, form: LoginForm) -> Response:
    """Begin a session, within the limit that the API's login has."""
    # No name is longer; the limit keeps each that was tried for a while.
    username, password = form.get("username", "").strip()[:256], form.get("password", "")
    limit = login_limit_of(request)
    try:
        await limit.count(username, request.client.host if request.client else "")
        user = await authenticate(pool_of(request), username, password)
    except LoginFailed:
        return _login_page(request, 200, _WRONG, username)
    except AccountInactive:
        return _login_page(request, 200, _INACTIVE, username)
    except LoginRateLimited as error:
        minutes = -(-error.retry_after_seconds // 60)
        sentence = f"Too many attempts to sign in. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."
        response = _login_page(request, 429, sentence, username)
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response
    await limit.forget(username)
    response = RedirectResponse("/", 303)
    begin_session(request, response, user)
    return response


@router.post("/logout")
async def sign_out(request: Request, form: OwnForm) -> Response:
    """End the session in this browser."""
    del form
    response = RedirectResponse("/login", 303)
    forget(request, response, SESSION_COOKIE)
    return response


def _login_page(request: Request, status: int = 200, error: str | None = None, username: str = "") -> Response:
    return page(request, "login.html", status, error=error, username=username)
