"""JSON web tokens that tell who calls: HS256, for the API as bearer tokens and for the dashboard in a cookie."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

import jwt
from pydantic import BaseModel, ConfigDict, Field

from pyapi.channels.accounts import User

TokenKind: TypeAlias = Literal["access", "refresh", "session"]

OPERATOR = "operator"
LIFETIMES: dict[TokenKind, timedelta] = {
    "access": timedelta(minutes=15),
    "refresh": timedelta(days=30),
    "session": timedelta(hours=12),
}
_ALGORITHM = "HS256"
# Clocks of two machines differ.
LEEWAY = timedelta(seconds=10)
# Until the end of the year 9999, as far as datetime goes.
_Seconds: TypeAlias = Annotated[int, Field(ge=0, lt=253402300799 - LEEWAY.seconds)]


class TokenInvalid(Exception):
    """The token is forged, expired, of another kind, or none at all."""


class _Signed(BaseModel):
    """The claims as they stand in a token; others are ignored."""

    model_config = ConfigDict(strict=True)

    sub: Annotated[UUID, Field(strict=False)]
    username: str
    type: TokenKind
    iat: _Seconds
    exp: _Seconds
    role: str | None = None


@dataclass(frozen=True)
class Claims:
    """What a token says of its bearer; role is ``operator`` or None, expires_at the end of the leeway."""

    user_id: UUID
    username: str
    role: str | None
    expires_at: datetime


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
    return jwt.encode(claims, secret, algorithm=_ALGORITHM)


def read_token(token: str, kind: TokenKind, secret: str) -> Claims:
    """What a token says, once signature, time and kind have been checked.

    Raises:
        TokenInvalid: it may not be relied on, for whatever reason.
    """
    try:
        claims = _Signed.model_validate(jwt.decode(token, secret, algorithms=[_ALGORITHM], leeway=LEEWAY))
    # The header is read before the signature: brackets without end are anyone's to send. Claims of odd types are
    # errors of several kinds, by the library or by the model.
    except (jwt.InvalidTokenError, RecursionError, ValueError, TypeError, OverflowError) as error:
        raise TokenInvalid("no valid token") from error
    if claims.type != kind:
        raise TokenInvalid("a token of another kind")
    return Claims(claims.sub, claims.username, claims.role, datetime.fromtimestamp(claims.exp, UTC) + LEEWAY)
