"""Databases and rows for the tests: make, fill, look, drop."""

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from pyapi.channel import Channel

ROOT = Path(__file__).resolve().parents[1]
EXISTING_SCHEMA = ROOT / "demo" / "existing_schema.sql"

OWNER = "channel_owner"
OWNER_PASSWORD = "test-only"  # noqa: S105

_channel_numbers = itertools.count(3_268_562_225)
_database_run = uuid.uuid4().hex[:8]
_database_numbers = itertools.count(1)


def connect(url: str, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
    """Open an autocommit connection; `options` go to psycopg (autocommit=False among them)."""
    return psycopg.connect(url, **{"autocommit": True, **options})


def upgrade(url: str, revision: str = "head") -> None:
    """Run `alembic upgrade` on a database, in this process."""
    command.upgrade(alembic_config(url), revision)


def downgrade(url: str, revision: str = "base") -> None:
    """Run `alembic downgrade` on a database, in this process."""
    command.downgrade(alembic_config(url), revision)


def alembic_config(url: str) -> Config:
    """Give the project's Alembic configuration, pointed at a database (read by env.py)."""
    config = Config(ROOT / "alembic.ini")
    config.attributes["url"] = url
    return config


def at(url: str, database: str, user: str | None = None, password: str | None = None) -> str:
    """Give a server's URL with another database, and another user where one is given."""
    parts = urlsplit(url)
    credentials, _, place = parts.netloc.rpartition("@")
    if user is not None:
        credentials = quote(user) + (f":{quote(password)}" if password is not None else "")
    netloc = f"{credentials}@{place}" if credentials else place
    return urlunsplit((parts.scheme, netloc, f"/{quote(database)}", parts.query, ""))


def name_of(url: str) -> str:
    """Tell the name of a URL's database."""
    return unquote(urlsplit(url).path.removeprefix("/"))


def create_owner(server_url: str) -> None:
    """Make the role that owns the test databases: no superuser, but allowed to create roles."""
    with connect(server_url, autocommit=False) as conn:
        # Runs that share a server would meet in pg_authid.
        conn.execute("SELECT pg_advisory_xact_lock(hashtext('channel_owner'))")
        found = conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone()
        conn.execute(
            sql.SQL("{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB CREATEROLE PASSWORD {password}").format(
                verb=sql.SQL("CREATE" if found is None else "ALTER"),
                role=sql.Identifier(OWNER),
                password=OWNER_PASSWORD,
            )
        )


def create_database(server_url: str, template: str | None = None) -> str:
    """Make a database that belongs to the owner, empty or as a copy of the template named.

    Returns:
        Its URL, as the owner.
    """
    name = f"test_{_database_run}_{next(_database_numbers)}"
    with connect(server_url) as conn:
        conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(name),
                sql.Identifier(OWNER),
                sql.Identifier(template or "template1"),
            )
        )
    return at(server_url, name, OWNER, OWNER_PASSWORD)


def drop_database(server_url: str, url: str) -> None:
    """Drop a database, whoever is still connected to it."""
    with connect(server_url) as conn:
        conn.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name_of(url))))


@contextmanager
def upgraded_database(server_url: str) -> Iterator[str]:
    """Make the owner and an upgraded database of theirs, and drop it at the end; gives its URL, as the owner."""
    create_owner(server_url)
    url = create_database(server_url)
    try:
        upgrade(url)
        yield url
    finally:
        drop_database(server_url, url)


def load(url: str, script: Path) -> None:
    """Run a file of plain SQL on a database."""
    with connect(url) as conn:
        conn.execute(script.read_bytes())


def add_user(conn: psycopg.Connection[Any], client_id: uuid.UUID | None = None) -> uuid.UUID:
    """Insert a user with a fresh name and tell its id."""
    client_id = client_id or uuid.uuid4()
    conn.execute(
        "INSERT INTO public.registered_users (user_id, username, email, password_hash) VALUES (%s, %s, %s, %s)",
        [
            client_id,
            f"user_{client_id.hex[:12]}",
            f"{client_id.hex}@example.org",
            "$2b$12$" + "x" * 53,
        ],
    )
    return client_id


# What a client fills in beside the pair.
CHANNEL: dict[str, Any] = {
    "open_channel_title": "Morning signals",
    "open_channel_description": "What moved over night, free for everyone",
    "closed_channel_title": "Morning signals, inside",
    "closed_channel_description": "Entries, exits and the reasons for them",
    "closed_channel_donation_message": "If the signals paid for your breakfast, buy us one.",
    "sub_1_price": 5,
    "sub_1_time": 30,
    "sub_2_price": "12.50",
    "sub_2_time": 90,
    "client_wallet_address": "0x71C7656EC7ab88b098defB751B7401B5f6d8976F",
    "client_payout_currency": "USDT",
    "client_payout_network": "ETH",
}
_INSERT_CHANNEL: LiteralString = """
INSERT INTO public.main_clients_database (
  open_channel_id, open_channel_title, open_channel_description,
  closed_channel_id, closed_channel_title, closed_channel_description,
  closed_channel_donation_message,
  sub_1_price, sub_1_time, sub_2_price, sub_2_time,
  client_wallet_address, client_payout_currency, client_payout_network,
  payout_strategy, payout_threshold_usd,
  client_id, created_by, notification_status
) VALUES (
  %(open)s, 'Morning signals', 'What moved over night, free for everyone',
  %(closed)s, 'Morning signals, inside', 'Entries, exits and the reasons for them',
  'If the signals paid for your breakfast, buy us one.',
  5.00, 30, 12.50, 90,
  '0x71C7656EC7ab88b098defB751B7401B5f6d8976F', 'USDT', 'ETH',
  'instant', 0,
  %(client)s, 'tests', false
)
"""


def new_channel_id() -> str:
    """Give a Telegram channel id that no test of this run has had, such as -1003268562225."""
    return f"-100{next(_channel_numbers):010d}"


def add_channel(
    conn: psycopg.Connection[Any],
    client_id: uuid.UUID | None,
    open_id: str | None = None,
    closed_id: str | None = None,
) -> tuple[str, str]:
    """Insert a channel, full and realistic, and tell its pair of ids (open, closed)."""
    pair = open_id or new_channel_id(), closed_id or new_channel_id()
    conn.execute(_INSERT_CHANNEL, {"open": pair[0], "closed": pair[1], "client": client_id})
    return pair


def new_channel(client_id: uuid.UUID, pair: tuple[str, str] | None = None) -> Channel:
    """Give a channel for insert_channel(); its pair is a fresh one where none is told."""
    open_id, closed_id = pair or (new_channel_id(), new_channel_id())
    return Channel(open_channel_id=open_id, closed_channel_id=closed_id, client_id=client_id, **CHANNEL)


def broadcast_id(conn: psycopg.Connection[Any], pair: tuple[str, str]) -> uuid.UUID | None:
    """Tell the id of a pair's broadcast row, or None where there is none."""
    row = conn.execute(
        "SELECT id FROM public.broadcast_manager WHERE open_channel_id = %s AND closed_channel_id = %s",
        pair,
    ).fetchone()
    if row is None:
        return None
    found: uuid.UUID = row[0]
    return found


def add_clients(conn: psycopg.Connection[Any], clients: int, channels: int) -> None:
    """Insert so many users with so many channels each, in an empty database, and have PostgreSQL count them."""
    conn.execute(
        "INSERT INTO public.registered_users (user_id, username, email, password_hash)"
        " SELECT gen_random_uuid(), 'user_' || n, n || '@example.org', '$2b$12$' || repeat('x', 53)"
        " FROM generate_series(1, %s) AS n",
        [clients],
    )
    conn.execute(
        "INSERT INTO public.main_clients_database (open_channel_id, open_channel_title, open_channel_description,"
        " closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,"
        " sub_1_price, sub_1_time, client_wallet_address, client_payout_currency, client_payout_network,"
        " payout_strategy, client_id, created_by)"
        " SELECT '-1003' || lpad((%(each)s * u.n + c.n)::text, 9, '0'), 'Morning signals', 'What moved over night',"
        " '-1004' || lpad((%(each)s * u.n + c.n)::text, 9, '0'), 'Inside', 'Entries and exits', 'Buy us a breakfast.',"
        " 5, 30, '0x71C7656EC7ab88b098defB751B7401B5f6d8976F', 'USDT', 'ETH', 'instant', u.user_id, 'tests'"
        " FROM (SELECT user_id, row_number() OVER () AS n FROM public.registered_users) AS u"
        " CROSS JOIN generate_series(1, %(each)s) AS c (n)",
        {"each": channels},
    )
    conn.execute("VACUUM (ANALYZE)")
