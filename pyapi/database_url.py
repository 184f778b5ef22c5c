"""Where the database is: DATABASE_URL, in the form that each library wants."""

import os
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

# What a URL says itself goes before this.
_CONNECTION: dict[str, Any] = {
    "autocommit": True,
    # A connection pooler in transaction mode knows no prepared statement of another transaction.
    "prepare_threshold": None,
    # A database in SQL_ASCII would give bytes for text.
    "client_encoding": "utf8",
    # Seconds, and milliseconds for the last: a server that vanished without a word is noticed.
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 10,
    "tcp_user_timeout": 10_000,
}
_SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")


class DatabaseUrlError(ValueError):
    """DATABASE_URL cannot be used."""


class DatabaseUrlMissing(DatabaseUrlError):
    """DATABASE_URL is not set, or empty."""


class DatabaseUrlInvalid(DatabaseUrlError):
    """The URL is none of PostgreSQL's. The message does not repeat it: it may hold a password."""


def database_url() -> str:
    """The database to work on, from the environment variable DATABASE_URL, as libpq takes it.

    Raises:
        DatabaseUrlMissing: the variable is not set, or empty.
        DatabaseUrlInvalid: its value is no PostgreSQL URL.
    """
    url = os.environ.get("DATABASE_URL", "").strip()
    if not url:
        raise DatabaseUrlMissing(
            "DATABASE_URL is not set: give the database, as in DATABASE_URL=postgresql://user@host:5432/telepaypsql"
        )
    return libpq_url(url)


def libpq_url(url: str) -> str:
    """The URL with the scheme ``postgresql://``, everything after it as it was.

    Raises:
        DatabaseUrlInvalid: the scheme is none of postgres, postgresql, postgresql+psycopg, or libpq
            cannot read the rest.
    """
    scheme, _, rest = url.partition("://")
    libpq = f"postgresql://{rest}"
    if scheme not in _SCHEMES:
        raise DatabaseUrlInvalid("the database URL must begin with postgresql://, postgres:// or postgresql+psycopg://")
    _parameters(libpq)
    return libpq


def sqlalchemy_url(url: str | None = None) -> str:
    """The URL, or DATABASE_URL, as SQLAlchemy and Alembic take it: ``postgresql+psycopg://``, the same parameters.

    Read by libpq and written again, because SQLAlchemy does not decode a host such as ``%2Ftmp`` and
    does not take a list of hosts before the path.

    Raises:
        DatabaseUrlMissing: none is given, and DATABASE_URL is not set, or empty.
        DatabaseUrlInvalid: as libpq_url.
    """
    # Here alone: a program that uses psycopg only has no SQLAlchemy.
    from sqlalchemy import URL

    query = _parameters(database_url() if url is None else libpq_url(url))
    in_front = {"username": "user", "password": "password", "database": "dbname"}
    parts = {name: query.pop(key) for name, key in in_front.items() if key in query}
    host = query.get("host", "")
    if host and not any(mark in host for mark in "/,@"):
        parts["host"] = query.pop("host")
    one_port = "host" in parts and query.get("port", "").isdecimal()
    port = int(query.pop("port")) if one_port else None
    built = URL.create("postgresql+psycopg", **parts, port=port, query=query)
    return built.render_as_string(hide_password=False)


def connection_options(url: str, name: str) -> dict[str, Any]:
    """What psycopg's connect() is given beside a URL; what the URL says itself goes before it.

    Args:
        url: libpq's URL of the database.
        name: what connects, as pg_stat_activity shows it: ``broadcast-manager NAME``.
    """
    said = conninfo_to_dict(url)
    return {key: value for key, value in _CONNECTION.items() if key not in said} | {
        "application_name": f"broadcast-manager {name}"
    }


def _parameters(url: str) -> dict[str, str]:
    try:
        parameters = conninfo_to_dict(url)
        for host in str(parameters.get("host", "")).split(","):
            # Asked for its address, a name with a label of 64 letters would be an error of another sort.
            if not host.startswith(("/", "@")):
                host.encode("idna")
    except (psycopg.ProgrammingError, UnicodeError):
        raise DatabaseUrlInvalid("the database URL cannot be read: see libpq's URL form") from None
    return {key: str(value) for key, value in parameters.items() if value is not None}
