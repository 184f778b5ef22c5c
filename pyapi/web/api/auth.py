"""Sign in, renew a token, tell who one is."""

from typing import Annotated

from fastapi import APIRouter, Body, Request

from pyapi.channels.accounts import User, authenticate
from pyapi.web.api import examples
from pyapi.web.api.bodies import AccessToken, LoginAnswer, LoginRequest, UserAnswer
from pyapi.web.api.dependencies import CurrentUser, RefreshingUser
from pyapi.web.tokens import LIFETIMES, TokenKind, issue_token

router = APIRouter(prefix="/auth", tags=["auth"])


def _token(request: Request, user: User, kind: TokenKind) -> str:
    return issue_token(user, kind, request.app.state.settings.jwt_secret_key.get_secret_value())


def _expires_in() -> int:
    return int(LIFETIMES["access"].total_seconds())


@router.post(
    "/login",
    responses=examples.answers(
        200, examples.LOGIN, examples.INVALID, examples.TOO_LARGE, *examples.LOGIN_FAILURES, *examples.DATABASE
    ),
)
async def login(
    request: Request, body: Annotated[LoginRequest, Body(examples=[examples.LOGIN_REQUEST])]
) -> LoginAnswer:
    """Sign in with name and password. Attempts are limited per name and per client address."""
    limit = request.app.state.login_limit
    await limit.count(body.username, request.client.host if request.client else "")
    user = await authenticate(request.app.state.pool, body.username, body.password)
    await limit.forget(body.username)
    return LoginAnswer(
        **UserAnswer.model_validate(user).model_dump(),
        access_token=_token(request, user, "access"),
        refresh_token=_token(request, user, "refresh"),
        expires_in=_expires_in(),
    )


@router.post("/refresh", responses=examples.answers(200, examples.ACCESS, *examples.SIGNED_IN, *examples.DATABASE))
async def refresh(request: Request, user: RefreshingUser) -> AccessToken:
    """A new access token for the refresh token, which is sent as the bearer token."""
    return AccessToken(access_token=_token(request, user, "access"), expires_in=_expires_in())


@router.get("/me", responses=examples.answers(200, examples.USER, *examples.SIGNED_IN, *examples.DATABASE))
async def me(user: CurrentUser) -> UserAnswer:
    """Whose token this is."""
    return UserAnswer.model_validate(user)
