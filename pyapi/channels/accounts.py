"""Users: who signs in, and who a token stands for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row
from structlog.contextvars import bind_contextvars

from pyapi.channels.passwords import password_matches
from pyapi.pool import Pool, connection
from pyapi.queries import QUERIES

log = structlog.get_logger()


class LoginFailed(Exception):
    """No user has this name and this password. Which of the two is wrong is not told."""


class AccountInactive(Exception):
    """The user is known, but switched off."""


@dataclass(frozen=True)
class User:
    """One row of registered_users, with whether broadcast.operators names it."""

    user_id: UUID
    username: str
    email: str | None
    email_verified: bool
    is_active: bool
    created_at: datetime | None
    last_login: datetime | None
    is_operator: bool


async def authenticate(pool: Pool, username: str, password: str) -> User:
    """The user whose name and password these are; notes the time of the login.

    It takes a pool and no connection, so that none is held while bcrypt takes its time.

    Raises:
        LoginFailed: unknown name or wrong password, after the same time.
        AccountInactive: name and password are right, and the user is switched off.
        psycopg.Error: the database did not answer.
    """
    async with connection(pool) as conn, conn.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(QUERIES["password_hash_of"], {"username": username})
        row = await cursor.fetchone()
    password_hash: str | None = None if row is None else row["password_hash"]
    if not await password_matches(password, password_hash) or row is None:
        # The name as typed is not logged: it may be a password in the wrong field.
        log.warning("login.failed", code="login_failed", client_id=row and str(row["user_id"]))
        raise LoginFailed("username or password is wrong")
    async with connection(pool) as conn:
        user = await read_user(conn, row["user_id"])
        if user is None:
            raise LoginFailed("the user was deleted meanwhile")
        if not user.is_active:
            log.warning("login.failed", code="account_inactive", client_id=str(user.user_id))
            raise AccountInactive("the account is inactive")
        await conn.execute(QUERIES["record_login"], {"user_id": user.user_id})
    bind_contextvars(client_id=str(user.user_id))
    return user


async def read_user(conn: AsyncConnection[Any], user_id: UUID) -> User | None:
    """The user of this id, None where there is none (any more).

    Raises:
        psycopg.Error: the database did not answer.
    """
    async with conn.cursor(row_factory=class_row(User)) as cursor:
        await cursor.execute(QUERIES["read_user"], {"user_id": user_id})
        return await cursor.fetchone()
