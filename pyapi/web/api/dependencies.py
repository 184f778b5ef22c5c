"""What the routes ask for: a connection, and who calls."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg import AsyncConnection
from structlog.contextvars import bind_contextvars

from pyapi.channels.accounts import AccountInactive, User, read_user
from pyapi.pool import connection
from pyapi.web.tokens import OPERATOR, Claims, TokenInvalid, TokenKind, read_token

_access = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="access token")
_refresh = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="refresh token")
_Credentials = HTTPAuthorizationCredentials | None


async def _connection(request: Request) -> AsyncIterator[AsyncConnection[Any]]:
    async with connection(request.app.state.pool) as conn:
        yield conn


# Given back before the answer is sent: a slow reader holds none.
Connection = Annotated[AsyncConnection[Any], Depends(_connection, scope="function")]


def _claims(request: Request, credentials: _Credentials, kind: TokenKind) -> Claims:
    if credentials is None:
        raise TokenInvalid("no token")
    return read_token(credentials.credentials, kind, request.app.state.settings.jwt_secret_key.get_secret_value())


async def _access_claims(request: Request, credentials: Annotated[_Credentials, Depends(_access)]) -> Claims:
    return _claims(request, credentials, "access")


async def _refresh_claims(request: Request, credentials: Annotated[_Credentials, Depends(_refresh)]) -> Claims:
    return _claims(request, credentials, "refresh")


async def _known(conn: AsyncConnection[Any], claims: Claims) -> User:
    user = await read_user(conn, claims.user_id)
    if user is None:
        raise TokenInvalid("its user is not there any more")
    if not user.is_active:
        raise AccountInactive("the account is inactive")
    bind_contextvars(client_id=str(user.user_id))
    return user


# Not in threads, where FastAPI would run plain functions: reading a token takes less than the way there and back.
# The claims come first: without a token nobody takes a connection.
async def _current_user(claims: Annotated[Claims, Depends(_access_claims)], conn: Connection) -> User:
    user = await _known(conn, claims)
    return replace(user, is_operator=user.is_operator and claims.role == OPERATOR)


async def _refreshing_user(claims: Annotated[Claims, Depends(_refresh_claims)], conn: Connection) -> User:
    return await _known(conn, claims)


CurrentUser = Annotated[User, Depends(_current_user, scope="function")]
RefreshingUser = Annotated[User, Depends(_refreshing_user, scope="function")]
