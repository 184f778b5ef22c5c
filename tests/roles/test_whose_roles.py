"""Roles belong to the whole cluster: made where they are missing, never dropped, and nobody's membership is touched."""

from typing import Any

import psycopg
from psycopg import sql

from tests.live.interruptions import own_server
from tests.roles.test_matrix import ROLES
from tools import databases, servers
from tools.databases import connect


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


def test_roles_that_are_there_already_keep_what_they_are_and_have(server: servers.Server) -> None:
    # On the tests' common server the roles are there already, for everybody.
    with own_server(server) as own, connect(own.url) as boss:
        databases.create_owner(own.url)
        url = databases.create_database(own.url)
        boss.execute("CREATE ROLE member; CREATE ROLE above")
        for role in ROLES:
            boss.execute(
                sql.SQL(
                    "CREATE ROLE {role} LOGIN NOINHERIT CREATEDB PASSWORD 'kept' CONNECTION LIMIT 3;"
                    # Who upgrades could change them: PostgreSQL itself does not stand in the way.
                    "GRANT {role} TO {owner} WITH ADMIN OPTION; SET ROLE {owner}; GRANT {role} TO member; RESET ROLE;"
                    "GRANT above TO {role}; ALTER ROLE {role} SET statement_timeout = '7 s';"
                    "COMMENT ON ROLE {role} IS 'somebody else''s'"
                ).format(role=sql.Identifier(role), owner=sql.Identifier(databases.OWNER))
            )
        before = _roles(boss)
        assert len(before) == len(ROLES) * len(["itself", "owner", "member", "above"])
        databases.upgrade(url)
        assert _roles(boss) == before
        databases.downgrade(url)
        assert _roles(boss) == before


def _roles(boss: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """All that the cluster knows of our roles and of who is a member of what."""
    return boss.execute(
        "SELECT to_jsonb(r), d.setconfig, shobj_description(r.oid, 'pg_authid')"
        " FROM pg_authid AS r LEFT JOIN pg_db_role_setting AS d ON d.setrole = r.oid"
        " WHERE r.rolname = ANY (%(roles)s)"
        " UNION ALL SELECT to_jsonb(m), NULL, NULL FROM pg_auth_members AS m"
        " WHERE ARRAY[m.roleid::regrole::text, m.member::regrole::text] && %(roles)s::text[]"
        " ORDER BY 1",
        {"roles": list(ROLES)},
    ).fetchall()


def _memberships(conn: psycopg.Connection[Any]) -> set[tuple[int, str]]:
    # The oid tells a role that was dropped and made anew.
    return set(
        conn.execute(
            "SELECT r.oid, r.rolname FROM pg_roles AS r JOIN pg_auth_members AS m ON m.roleid = r.oid"
            " WHERE m.member = 'member_of_all'::regrole"
        ).fetchall()
    )
