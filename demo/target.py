"""The database of the demo: an embedded one, or an empty one of yours that is given back empty."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from rich.console import Console

from pyapi.database_url import database_url

from .embedded import EmbeddedServerError, embedded_server, server_binaries
from .errors import DemoError

OWNER = "paygateprime"
DATABASE = "telepaypsql"
MARK = "broadcast_manager_demo"
MARK_COMMENT = "Made by the demo of broadcast-manager, which drops what it made when it ends or when it is run again."
SCHEMA = "broadcast"
ROLES = ("broadcast_reader", "broadcast_api", "broadcast_channel_writer", "broadcast_worker")
OLD_TABLES = ("registered_users", "main_clients_database", "broadcast_manager")
OLD_TYPES = ("currency_type", "network_type")

# Everything in the database that neither PostgreSQL nor an extension brought.
_OBJECTS = """
SELECT o.name
FROM (
    SELECT 'pg_class'::regclass AS catalogue, c.oid, c.relnamespace AS namespace,
        c.oid::regclass::text AS name, 1 AS place
    FROM pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, t.typnamespace, t.oid::regtype::text, 2
    FROM pg_type AS t
    WHERE t.typtype IN ('e', 'd', 'r')
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.pronamespace, p.oid::regprocedure::text, 3
    FROM pg_proc AS p
    UNION ALL
    SELECT 'pg_namespace'::regclass, s.oid, s.oid, 'the schema ' || quote_ident(s.nspname), 4
    FROM pg_namespace AS s
    WHERE s.nspname <> 'public'
) AS o
INNER JOIN pg_namespace AS n ON o.namespace = n.oid
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = o.catalogue AND d.objid = o.oid AND d.deptype = 'e'
    )
ORDER BY o.place, o.name
"""


@dataclass(frozen=True)
class Place:
    """Where the story takes place.

    Args:
        url: libpq URL of the database, as its owner.
        psql: the psql to use there, None where none is installed.
    """

    url: str
    psql: Path | None


@contextmanager
def demo_database(console: Console) -> Iterator[Place]:
    """Give an empty database for the demo and clean up afterwards, however it ends.

    With DATABASE_URL it is that database, which must be empty but for what an earlier demo left;
    otherwise `telepaypsql` on an embedded server, of an owner who is no superuser.

    Raises:
        DemoError: the database is not empty, or another demo or a migration runs in it; nothing was
            changed. Or it could not be cleaned up.
        DatabaseUrlError: DATABASE_URL cannot be used.
        EmbeddedServerError: the embedded server did not start.
        psycopg.Error: the database cannot be reached, or refused.
    """
    if os.environ.get("DATABASE_URL", "").strip():
        with _borrowed(database_url(), console) as url:
            yield Place(url, _system_psql() or _embedded_psql())
    else:
        with embedded_server(fast=True) as superuser_url:
            url = _make_database(superuser_url)
            console.print("📢 An embedded PostgreSQL is running, in a folder of its own.")
            yield Place(url, _embedded_psql())
        console.print("\n🧹 Cleaned up: the embedded server is stopped, its folder is deleted.")


def _make_database(superuser_url: str) -> str:
    with psycopg.connect(superuser_url, autocommit=True) as conn:
        conn.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(OWNER)))
        conn.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                sql.Identifier(DATABASE), sql.Identifier(OWNER)
            )
        )
        host, port = quote(conn.info.host, safe=""), conn.info.port
    return f"postgresql://{OWNER}@/{DATABASE}?host={host}&port={port}"


def _system_psql() -> Path | None:
    found = shutil.which("psql")
    return Path(found) if found else None


def _embedded_psql() -> Path | None:
    try:
        return server_binaries() / "psql"
    except EmbeddedServerError:
        return None


@contextmanager
def _borrowed(url: str, console: Console) -> Iterator[str]:
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as conn:
        if not _one(conn, "SELECT pg_try_advisory_lock(hashtext('broadcast_manager demo'))"):
            raise DemoError("Another demo is running in this database: wait for its end.")
        with conn.transaction():
            # It may outlive a demo that was killed. The lock is the one of migrations/env.py.
            if not _one(conn, "SELECT pg_try_advisory_xact_lock(hashtext('broadcast_manager migrations'))"):
                raise DemoError("A migration is running in this database: wait for its end.")
            left_behind = _is_marked(conn)
            if left_behind:
                _drop_what_the_demo_made(conn)
            _refuse_unless_empty(conn)
            _mark(conn)
        if left_behind:
            console.print("🧹 An earlier demo had ended before its time: what it left is dropped.")
        console.print(f"📢 The database {conn.info.dbname} of DATABASE_URL is empty and is borrowed.")
        try:
            yield url
        finally:
            _clean_up(conn, console)


def _clean_up(conn: psycopg.Connection[Any], console: Console) -> None:
    try:
        with conn.transaction():
            _drop_what_the_demo_made(conn)
        strangers = _objects(conn)
    except psycopg.Error as error:
        raise DemoError(
            f"The database could not be cleaned up: {str(error).strip()}\nThe next run of the demo will try again."
        ) from error
    if strangers:
        console.print(f"\n🧹 Cleaned up. Not made by the demo, so it stays: {_listed(strangers)}.")
    else:
        console.print(f"\n🧹 Cleaned up: {conn.info.dbname} is as empty as it was before.")


def _is_marked(conn: psycopg.Connection[Any]) -> bool:
    query = f"SELECT obj_description(to_regclass('public.{MARK}'), 'pg_class')"
    return bool(_one(conn, query) == MARK_COMMENT)


def _refuse_unless_empty(conn: psycopg.Connection[Any]) -> None:
    found = _objects(conn)
    if found:
        raise DemoError(
            f"The database {conn.info.dbname} is not empty: it holds {_listed(found)}, which the"
            " demo did not make. Nothing was changed. Give DATABASE_URL an empty database, or unset"
            " it to run the demo on an embedded server."
        )


def _objects(conn: psycopg.Connection[Any]) -> list[str]:
    return [str(name) for (name,) in conn.execute(_OBJECTS)]


def _listed(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _mark(conn: psycopg.Connection[Any]) -> None:
    # Roles belong to the whole cluster: only those that are not there yet will be the demo's.
    conn.execute(sql.SQL("CREATE TABLE public.{} (role_to_drop text)").format(sql.Identifier(MARK)))
    conn.execute(sql.SQL("COMMENT ON TABLE public.{} IS {}").format(sql.Identifier(MARK), MARK_COMMENT))
    conn.execute(
        sql.SQL("INSERT INTO public.{} SELECT r FROM unnest({}::text []) AS r WHERE to_regrole(r) IS NULL").format(
            sql.Identifier(MARK), list(ROLES)
        )
    )


def _drop_what_the_demo_made(conn: psycopg.Connection[Any]) -> None:
    # The database was empty: what depends on our schema came with it, as the triggers on the platform's tables do.
    # Nothing else cascades, so what is not named here stays.
    roles = [
        role for (role,) in conn.execute(sql.SQL("SELECT role_to_drop FROM {}").format(sql.Identifier("public", MARK)))
    ]
    conn.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(SCHEMA)))
    _drop(conn, "TABLE", [*OLD_TABLES, MARK])
    _drop(conn, "TYPE", [*OLD_TYPES])
    for role in roles:
        _drop_role(conn, role)


def _drop(conn: psycopg.Connection[Any], kind: str, names: list[str]) -> None:
    # All in one statement, since the tables' keys point at each other.
    listed = sql.SQL(", ").join(sql.Identifier("public", name) for name in names)
    conn.execute(sql.SQL("DROP {} IF EXISTS {}").format(sql.SQL(kind), listed))


def _drop_role(conn: psycopg.Connection[Any], role: str) -> None:
    # Another database may have come to use it in the meantime.
    try:
        with conn.transaction():
            conn.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.InsufficientPrivilege):
        pass


def _one(conn: psycopg.Connection[Any], query: str) -> Any:
    row = conn.execute(query.encode()).fetchone()
    return row[0] if row else None
