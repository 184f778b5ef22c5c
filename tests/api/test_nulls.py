"""Whatever the database lets be NULL is shown, column by column, on each copy of the tables."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.api.calls import Person, World, log_in
from tests.dashboard.visitor import Visitor

Conn = psycopg.Connection[Any]
TABLES = ("registered_users", "main_clients_database", "broadcast_manager")
# The pair and whose it is: the rule itself lets none of them be NULL.
THE_RULES = {"open_channel_id", "closed_channel_id", "client_id"}
# Who has no name or no password cannot sign in.
TO_SIGN_IN = {"username", "password_hash", "is_active", "user_id"}
COLUMNS = """
SELECT a.attname FROM pg_attribute AS a
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (%s)
ORDER BY a.attnum
"""


@pytest.fixture(scope="module")
def world(world_of_each_kind: World) -> World:
    """The application, once on each kind of tables."""
    return world_of_each_kind


def made_nullable(conn: Conn, table: str) -> list[str]:
    """The columns of a table that can be NULL, after all that may be were made so, as some copies have them."""
    kept = [*THE_RULES, *TO_SIGN_IN, "id"]
    names = [name for (name,) in conn.execute(COLUMNS, [f"public.{table}", kept])]
    for name in names:
        conn.execute(
            sql.SQL("ALTER TABLE {} ALTER {} DROP NOT NULL").format(
                sql.Identifier("public", table), sql.Identifier(name)
            )
        )
    return names


@pytest.mark.parametrize("table", TABLES)
def test_null_in_any_column_is_shown(
    world: World, new_person: Callable[..., Person], owner_conn: Conn, table: str
) -> None:
    person = new_person()
    names = made_nullable(owner_conn, table)
    assert len(names) > 4
    visitor = Visitor.signed_in(world.base_url, person)
    for columns in [[name] for name in names] + [names]:
        registered = person.register().json()
        path = f"/api/channels/{registered['channel_id']}"
        closed = person.http.get(path).json()["closed_channel_id"]
        owner_conn.execute("ALTER TABLE public.main_clients_database DISABLE TRIGGER USER")
        owner_conn.execute(
            sql.SQL("UPDATE {} SET {} WHERE {}").format(
                sql.Identifier("public", table),
                sql.SQL(", ").join(sql.SQL("{} = NULL").format(sql.Identifier(name)) for name in columns),
                sql.SQL("user_id" if table == "registered_users" else "client_id") + sql.SQL(" = %s"),
            ),
            [person.user_id],
        )
        owner_conn.execute("ALTER TABLE public.main_clients_database ENABLE TRIGGER USER")
        answers = {
            "list": person.http.get("/api/channels"),
            "read": person.http.get(path),
            "me": person.http.get("/api/auth/me"),
            "login": log_in(person.http, person.username),
            "status": person.http.get(f"/api/broadcast/status/{registered['broadcast_id']}"),
            "changed": person.http.put(path, json={"open_channel_title": "Changed"}),
            "page": visitor.http.get("/"),
            **{
                page: visitor.http.get(f"/channels/{registered['channel_id']}/{closed}/{page}")
                for page in ("edit", "resend", "delete")
            },
        }
        for name, answer in answers.items():
            assert answer.status_code == 200, (columns, name, answer.text)
        listed = answers["list"].json()["channels"][0]
        assert all(listed[name] is None for name in columns if table == "main_clients_database" and name in listed)
        if table == "main_clients_database" and "closed_channel_donation_message" in columns:
            assert listed["problem"] == "it has no donation message"
            assert "This channel cannot be advertised: it has no donation message." in answers["page"].text
            assert "This channel cannot be advertised: it has no donation message." in answers["resend"].text
        elif table == "main_clients_database" and columns in (["sub_1_time"], ["sub_1_price"]):
            assert listed["problem"] is None
        assert person.http.delete(path).status_code == 200
    visitor.http.close()


def test_a_channel_without_a_tier_says_why_it_is_not_advertised(person: Person, owner_conn: Conn) -> None:
    made_nullable(owner_conn, "main_clients_database")
    person.register(tier_count=1, sub_2_price=..., sub_2_time=...)
    owner_conn.execute(
        "UPDATE public.main_clients_database SET sub_1_time = NULL WHERE client_id = %s", [person.user_id]
    )
    (channel,) = person.http.get("/api/channels").json()["channels"]
    assert channel["problem"] == "it has no tier with a price and a number of days"


@pytest.mark.parametrize("moment", ["infinity", "-infinity", "10000-01-01", "0044-03-15 BC"])
def test_moments_that_no_client_can_show_are_null(
    world: World, new_person: Callable[..., Person], owner_conn: Conn, moment: str
) -> None:
    person = new_person()
    visitor = Visitor.signed_in(world.base_url, person)
    registered = person.register().json()
    for table, column in (
        ("registered_users", "user_id"),
        ("main_clients_database", "client_id"),
        ("broadcast_manager", "client_id"),
    ):
        times = [
            name
            for name, _ in owner_conn.execute(
                "SELECT a.attname, a.attnum FROM pg_attribute AS a WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0"
                " AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype) ORDER BY a.attnum",
                [f"public.{table}"],
            )
        ]
        owner_conn.execute(
            sql.SQL("UPDATE {} SET {} WHERE {} = {}").format(
                sql.Identifier("public", table),
                sql.SQL(", ").join(sql.SQL("{} = {}").format(sql.Identifier(name), moment) for name in times),
                sql.Identifier(column),
                person.user_id,
            )
        )
    path = f"/api/channels/{registered['channel_id']}"
    for answer in (
        person.http.get("/api/channels"),
        person.http.get(path),
        person.http.get("/api/auth/me"),
        person.http.get(f"/api/broadcast/status/{registered['broadcast_id']}"),
        visitor.http.get("/"),
    ):
        assert answer.status_code == 200, answer.text
    assert person.http.get(path).json()["next_send_time"] is None
    visitor.http.close()


@pytest.mark.parametrize("price", ["NaN", "Infinity"])
def test_a_price_that_is_no_number_is_null_and_said(
    person: Person, base_url: str, owner_conn: Conn, price: str
) -> None:
    visitor = Visitor.signed_in(base_url, person)
    person.register(tier_count=1, sub_2_price=..., sub_2_time=...)
    owner_conn.execute("ALTER TABLE public.main_clients_database ALTER sub_1_price TYPE numeric")
    owner_conn.execute(
        "UPDATE public.main_clients_database SET sub_1_price = %s WHERE client_id = %s", [price, person.user_id]
    )
    (channel,) = person.http.get("/api/channels").json()["channels"]
    assert channel["sub_1_price"] is None
    assert channel["problem"] == "it has no tier with a price and a number of days"
    assert "it has no tier with a price" in visitor.http.get("/").text
    visitor.http.close()


def test_a_user_whose_password_is_null_can_not_sign_in(person: Person, owner_conn: Conn) -> None:
    owner_conn.execute("ALTER TABLE public.registered_users ALTER password_hash DROP NOT NULL")
    owner_conn.execute("UPDATE public.registered_users SET password_hash = NULL WHERE user_id = %s", [person.user_id])
    assert log_in(person.http, person.username, "None").status_code == 401
