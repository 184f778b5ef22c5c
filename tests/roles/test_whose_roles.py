"""Roles belong to the whole cluster: made where they are missing, never dropped, and nobody's membership is touched."""

from typing import Any

import psycopg
from psycopg import sql

from tests import databases
from tests.databases import connect
from tests.roles.test_matrix import ROLES


def test_down_and_up_again_keep_the_roles_and_their_members(server_url: str, empty_database: str) -> None:
    databases.upgrade(empty_database)
    with connect(server_url) as boss:
        boss.execute(
            sql.SQL("CREATE ROLE member_of_all IN ROLE {}").format(sql.SQL(", ").join(map(sql.Identifier, ROLES)))
        )
        try:
            before = _memberships(boss)
            assert {role for _, role in before} == set(ROLES)
            databases.downgrade(empty_database)
            assert _memberships(boss) == before
            databases.upgrade(empty_database)
            assert _memberships(boss) == before
        finally:
            boss.execute("DROP ROLE member_of_all")


def _memberships(conn: psycopg.Connection[Any]) -> set[tuple[int, str]]:
    # The oid tells a role that was dropped and made anew.
    return set(
        conn.execute(
            "SELECT r.oid, r.rolname FROM pg_roles AS r JOIN pg_auth_members AS m ON m.roleid = r.oid"
            " WHERE m.member = 'member_of_all'::regrole"
        ).fetchall()
    )
