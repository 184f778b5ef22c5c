"""Users: who signs in, and who a token stands for."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row, dict_row

from pyapi.passwords import password_matches
from pyapi.pool import Pool, connection
from pyapi.queries import QUERIES


class LoginFailed(Exception):
    """No user has this name and this password. Which of the two is wrong is not told."""


class AccountInactive(Exception):
    """The user is known, but switched off."""


@dataclass(frozen=True)
class User:
    """One row of registered_users, with whether broadcast_manager_operators names it."""

    user_id: UUID
    username: str
    email: str
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
        await cursor.execute(QUERIES["login"], {"username": username})
        row = await cursor.fetchone()
    password_hash = None if row is None else str(row["password_hash"])
    if not await password_matches(password, password_hash) or row is None:
        raise LoginFailed("username or password is wrong")
    user = User(**{field.name: row[field.name] for field in fields(User)})
    if not user.is_active:
        raise AccountInactive("the account is inactive")
    async with connection(pool) as conn:
        await conn.execute(QUERIES["record_login"], {"user_id": user.user_id})
    return user


async def read_user(conn: AsyncConnection[Any], user_id: UUID) -> User | None:
    """The user of this id, None where there is none (any more).

    Raises:
        psycopg.Error: the database did not answer.
    """
    async with conn.cursor(row_factory=class_row(User)) as cursor:
        await cursor.execute(QUERIES["read_user"], {"user_id": user_id})
        return await cursor.fetchone()
