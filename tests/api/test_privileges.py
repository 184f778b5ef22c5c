"""The role that the API connects as reads, and writes by way of functions only: seen by trying."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.api.calls import World
from tools.databases import add_channel, add_user, connect


@pytest.fixture
def api_conn(world: World) -> Iterator[psycopg.Connection[Any]]:
    """A connection as the API's role."""
    with connect(world.settings.database_url) as conn:
        yield conn


def test_the_role_writes_no_table(api_conn: psycopg.Connection[Any], owner_conn: psycopg.Connection[Any]) -> None:
    add_channel(owner_conn, add_user(owner_conn))
    tables = owner_conn.execute(
        "SELECT n.nspname, c.relname, min(a.attname) FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0"
        " WHERE n.nspname IN ('public', 'broadcast') AND c.relkind IN ('r', 'p') GROUP BY n.nspname, c.relname"
    ).fetchall()
    names = {f"{schema}.{name}" for schema, name, _ in tables}
    assert {"public.registered_users", "public.main_clients_database", "public.broadcast_manager"} <= names
    assert {"broadcast.settings", "broadcast.deliveries", "broadcast.switched_off"} <= names
    for schema, name, column in tables:
        table = sql.Identifier(schema, name)
        for statement in (
            sql.SQL("INSERT INTO {} DEFAULT VALUES").format(table),
            sql.SQL("UPDATE {} SET {} = DEFAULT").format(table, sql.Identifier(column)),
            sql.SQL("DELETE FROM {}").format(table),
            sql.SQL("TRUNCATE {}").format(table),
            sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(table),
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                api_conn.execute(statement)


def test_the_role_takes_no_row_lock(api_conn: psycopg.Connection[Any]) -> None:
    for table in ("registered_users", "main_clients_database", "broadcast_manager"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            api_conn.execute(sql.SQL("SELECT FROM {} FOR UPDATE").format(sql.Identifier("public", table)))


def test_the_role_owns_nothing_and_is_nothing_else(api_conn: psycopg.Connection[Any]) -> None:
    member_of = api_conn.execute(
        "SELECT r.rolname FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid"
        " WHERE m.member = current_user::regrole"
    ).fetchall()
    assert member_of == [("broadcast_api",)]
    attributes = (
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    assert api_conn.execute(attributes).fetchone() == (False,)
    owned = "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
    assert api_conn.execute(owned).fetchone() == (0,)


def test_the_role_makes_no_objects(api_conn: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api_conn.execute("CREATE TABLE public.of_the_api (x integer)")


def test_the_role_reads_no_other_column_of_the_users(api_conn: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api_conn.execute("SELECT updated_at FROM public.registered_users")
