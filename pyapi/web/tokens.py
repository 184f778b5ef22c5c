"""JSON web tokens that tell who calls: HS256, for the API as bearer tokens and for the dashboard in a cookie."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeAlias
from uuid import UUID

import jwt

from pyapi.channels.accounts import User

TokenKind: TypeAlias = Literal["access", "refresh", "session"]

OPERATOR = "operator"
LIFETIMES: dict[TokenKind, timedelta] = {
    "access": timedelta(minutes=15),
    "refresh": timedelta(days=30),
    "session": timedelta(hours=12),
}
_ALGORITHM = "HS256"


class TokenInvalid(Exception):
    """The token is forged, expired, of another kind, or none at all."""


@dataclass(frozen=True)
class Claims:
    """What a token says of its bearer; role is ``operator`` or None, csrf is a session's and goes into its forms."""

    user_id: UUID
    username: str
    role: str | None
    expires_at: datetime
    csrf: str | None


def issue_token(user: User, kind: TokenKind, secret: str) -> str:
    """A signed token for the user.

    Args:
        user: whom it stands for; operators get the claim ``role``.
        kind: access and refresh for the API, session for the dashboard; see LIFETIMES.
        secret: the key, of 32 bytes or more.
    """
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "sub": str(user.user_id),
        "username": user.username,
        "type": kind,
        "iat": now,
        "exp": now + LIFETIMES[kind],
    }
    if user.is_operator:
        claims["role"] = OPERATOR
    if kind == "session":
        claims["csrf"] = secrets.token_urlsafe(32)
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def read_token(token: str, kind: TokenKind, secret: str) -> Claims:
    """What a token says, once signature, time and kind have been checked.

    Raises:
        TokenInvalid: it may not be relied on, for whatever reason.
    """
    try:
        claims = jwt.decode(
            token,
            secret,
            algorithms=[_ALGORITHM],
            options={"require": ["sub", "username", "type", "iat", "exp"]},
        )
        if claims["type"] != kind:
            raise TokenInvalid("a token of another kind")
        return Claims(
            user_id=UUID(claims["sub"]),
            username=str(claims["username"]),
            role=claims.get("role"),
            expires_at=datetime.fromtimestamp(claims["exp"], UTC),
            csrf=claims.get("csrf"),
        )
    # The header is read before the signature: brackets without end are anyone's to send.
    except (jwt.InvalidTokenError, RecursionError, ValueError) as error:
        raise TokenInvalid("no valid token") from error
