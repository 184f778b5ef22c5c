"""Everything of ours lives in schema broadcast: it meets nobody else's objects, and nobody gets in without a grant."""

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import errors, sql

from tests.migrations import builds
from tools import databases, servers

Migrate = Callable[..., subprocess.CompletedProcess[str]]

# What stands in the way of an upgrade: a schema of that name that somebody else uses.
NAMESAKES: dict[str, LiteralString] = {
    "a table": "CREATE TABLE broadcast.episodes (id int)",
    "a function": "CREATE FUNCTION broadcast.episodes() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a type": "CREATE TYPE broadcast.episodes AS ENUM ('first')",
    "the version table of another program": "CREATE TABLE broadcast.alembic_version (version_num varchar(32) NOT NULL);"
    "INSERT INTO broadcast.alembic_version VALUES ('theirs')",
    "an empty version table": "CREATE TABLE broadcast.alembic_version (version_num varchar(32) NOT NULL)",
}
EVERYTHING: LiteralString = """
SELECT d.classid::regclass::text, o.identity
FROM pg_depend AS d
INNER JOIN pg_namespace AS n ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS o
WHERE n.nspname IN ('public', 'broadcast')
UNION ALL
SELECT 'schema', concat_ws(' ', n.nspname, pg_get_userbyid(n.nspowner), n.nspacl)
FROM pg_namespace AS n
WHERE n.nspname !~ '^pg_(temp|toast)'
ORDER BY 1, 2
"""


@pytest.fixture(params=["online", "offline"])
def migrate(request: pytest.FixtureRequest, server: servers.Server, tmp_path: Path) -> Migrate:
    """Runs Alembic on a database, or psql with the script that Alembic writes for it."""

    def online(url: str, command: str = "upgrade") -> subprocess.CompletedProcess[str]:
        return builds.alembic(command, _to(command), url=url)

    def offline(url: str, command: str = "upgrade") -> subprocess.CompletedProcess[str]:
        way = "head" if command == "upgrade" else "head:base"
        written = builds.alembic(command, way, "--sql", url=None)
        assert written.returncode == 0, written.stderr
        script = tmp_path / "script.sql"
        script.write_text(written.stdout)
        return builds.psql(server, url, script)

    return online if request.param == "online" else offline


def _to(command: str) -> str:
    return "head" if command == "upgrade" else "base"


def everything(url: str) -> list[tuple[str, ...]]:
    """All objects of the two schemas, and the schemas with owner and rights."""
    with databases.connect(url) as conn:
        return conn.execute(EVERYTHING).fetchall()


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    told = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in told
    for word in ("nothing was changed", *words):
        assert word in told


def went_well(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr


@contextmanager
def role(superuser_url: str) -> Iterator[str]:
    """A role that may connect to a database, and has no right in it."""
    name = f"nobody_{uuid.uuid4().hex[:8]}"
    with databases.connect(superuser_url) as boss:
        boss.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'test-only'").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            boss.execute(sql.SQL("DROP OWNED BY {name}; DROP ROLE {name}").format(name=sql.Identifier(name)))


def test_owners_functions_of_the_same_names_stay_as_they_are(database: str, old_database: str) -> None:
    with databases.connect(database) as conn:
        calls = conn.execute(
            "SELECT format('public.%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) FROM pg_proc AS p"
            " WHERE p.pronamespace = 'broadcast'::regnamespace AND p.prokind = 'f'"
            " AND pg_get_function_identity_arguments(p.oid) !~ 'broadcast|VARIADIC'"
        ).fetchall()
    assert ("public.user_of_id(user_id uuid)",) in calls
    with databases.connect(old_database) as conn:
        for (call,) in calls:
            conn.execute(f"CREATE FUNCTION {call} RETURNS text LANGUAGE sql AS $$ SELECT 'theirs' $$".encode())
        mine: LiteralString = (
            "SELECT p.oid, p.proname, p.prosrc, p.proacl::text FROM pg_proc AS p"
            " WHERE p.pronamespace = 'public'::regnamespace ORDER BY 1"
        )
        before = conn.execute(mine).fetchall()
        assert len(before) == len(calls) > 30
        databases.upgrade(old_database)
        assert conn.execute(mine).fetchall() == before
        pair = databases.add_channel(conn, databases.add_user(conn))
        assert databases.broadcast_id(conn, pair) is not None
        databases.downgrade(old_database)
        assert conn.execute(mine).fetchall() == before


@pytest.mark.parametrize("grantee", ["PUBLIC", "a role"])
def test_default_privileges_open_nothing(grantee: str, empty_database: str, superuser: Callable[[str], str]) -> None:
    with role(superuser(empty_database)) as name:
        to = sql.SQL("PUBLIC") if grantee == "PUBLIC" else sql.Identifier(name)
        with databases.connect(empty_database) as conn:
            for what in ("EXECUTE ON FUNCTIONS", "ALL ON TABLES", "ALL ON SEQUENCES", "ALL ON SCHEMAS"):
                conn.execute(sql.SQL("ALTER DEFAULT PRIVILEGES GRANT {} TO {}").format(sql.SQL(what), to))
        databases.upgrade(empty_database)
        _nothing_is_open(empty_database, name)


def test_restore_without_grants_opens_nothing(
    server: servers.Server, database: str, empty_database: str, superuser: Callable[[str], str], tmp_path: Path
) -> None:
    dump = tmp_path / "dump"
    commands: list[list[str | Path]] = [
        [builds.program(server, "pg_dump"), "-Fc", "-f", dump, database],
        [builds.program(server, "pg_restore"), "--no-acl", "-d", empty_database, dump],
    ]
    for command in commands:
        went_well(subprocess.run(command, capture_output=True, text=True, check=False))
    with role(superuser(empty_database)) as name:
        _nothing_is_open(empty_database, name)


def _nothing_is_open(url: str, name: str) -> None:
    with databases.connect(databases.at(url, databases.name_of(url), name, "test-only")) as conn:
        for query in (
            "SELECT broadcast.password_hash_of('somebody')",
            "SELECT FROM broadcast.settings",
            "SELECT FROM broadcast.integrity_violations",
            "UPDATE broadcast.alembic_version SET version_num = 'theirs'",
            "CALL broadcast.repair_broadcasts()",
            "CREATE TABLE broadcast.theirs ()",
        ):
            with pytest.raises(errors.InsufficientPrivilege, match="schema broadcast"):
                conn.execute(query.encode())


def test_grant_on_our_schema_outlives_an_upgrade(database: str, superuser: Callable[[str], str]) -> None:
    with role(superuser(database)) as name, databases.connect(database) as conn:
        conn.execute(sql.SQL("GRANT USAGE ON SCHEMA broadcast TO {}").format(sql.Identifier(name)))
        databases.upgrade(database)
        allowed = conn.execute("SELECT has_schema_privilege(%s, 'broadcast', 'USAGE')", [name]).fetchone()
    assert allowed == (True,)


@pytest.mark.parametrize("on", ["ROLE channel_owner IN DATABASE", "DATABASE"])
def test_version_table_lies_in_our_schema_whatever_the_search_path(
    on: LiteralString, old_database: str, superuser: Callable[[str], str]
) -> None:
    name = sql.Identifier(databases.name_of(old_database))
    with databases.connect(superuser(old_database)) as boss:
        boss.execute("CREATE SCHEMA theirs AUTHORIZATION channel_owner")
        for path in ("theirs, public", "public, theirs", "broadcast, theirs"):
            boss.execute(sql.SQL("ALTER {} {} SET search_path = {}").format(sql.SQL(on), name, sql.SQL(path)))
            databases.upgrade(old_database)
            versions = boss.execute(
                "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = 'alembic_version'"
            )
            assert versions.fetchall() == [("broadcast",)]
            now = boss.execute("SELECT ctid, xmin::text, version_num FROM broadcast.alembic_version").fetchall()
            if path == "theirs, public":
                first, objects = now, everything(superuser(old_database))
            assert now == first
            assert everything(superuser(old_database)) == objects


@pytest.mark.parametrize("content", NAMESAKES.values(), ids=NAMESAKES.keys())
def test_namesake_schema_is_refused_by_name(content: LiteralString, migrate: Migrate, old_database: str) -> None:
    with databases.connect(old_database) as conn:
        conn.execute("CREATE SCHEMA broadcast")
        conn.execute(content)
    before = everything(old_database)
    refused(
        migrate(old_database),
        "schema broadcast that is not broadcast-manager's",
        "alembic_version" if "alembic" in content else "episodes",
        "ALTER SCHEMA broadcast RENAME TO",
    )
    assert everything(old_database) == before
    with databases.connect(old_database) as conn:
        conn.execute("ALTER SCHEMA broadcast RENAME TO theirs")
    went_well(migrate(old_database))
    assert _is_whole(old_database)


@contextmanager
def _no_create(superuser_url: str) -> Iterator[psycopg.Connection]:
    """The tables' owner does not own the database, as where a DBA made it."""
    with databases.connect(superuser_url) as boss:
        boss.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO CURRENT_USER").format(sql.Identifier(databases.name_of(superuser_url)))
        )
        boss.execute("GRANT CREATE ON SCHEMA public TO channel_owner")
        yield boss


def _is_whole(url: str) -> bool:
    with databases.connect(url) as conn:
        pair = databases.add_channel(conn, databases.add_user(conn))
        return (
            databases.broadcast_id(conn, pair) is not None
            and conn.execute("SELECT FROM broadcast.integrity_violations").fetchall() == []
        )


def test_role_that_may_not_create_a_schema_is_told_the_statement_that_helps(
    migrate: Migrate, old_database: str, superuser: Callable[[str], str]
) -> None:
    with _no_create(superuser(old_database)) as boss:
        before = everything(old_database)
        statement = "CREATE SCHEMA broadcast AUTHORIZATION channel_owner;"
        refused(migrate(old_database), statement)
        assert everything(old_database) == before
        boss.execute(statement.encode())
        went_well(migrate(old_database))
        assert _is_whole(old_database)
        went_well(migrate(old_database, "downgrade"))
        # It could not make the schema again.
        assert [name for kind, name in everything(old_database) if "broadcast " in name and kind == "schema"]
        went_well(migrate(old_database))


def test_role_that_may_not_make_indexes_is_told_the_statement_that_helps(
    migrate: Migrate, old_database: str, superuser: Callable[[str], str]
) -> None:
    with _no_create(superuser(old_database)) as boss:
        boss.execute(
            "CREATE SCHEMA broadcast AUTHORIZATION channel_owner; REVOKE CREATE ON SCHEMA public FROM channel_owner"
        )
        before = [o for o in everything(old_database) if o[0] != "schema"]
        statement = "GRANT CREATE ON SCHEMA public TO channel_owner;"
        refused(migrate(old_database), statement)
        assert [o for o in everything(old_database) if o[0] != "schema"] == before
        boss.execute(statement.encode())
        went_well(migrate(old_database))
        assert _is_whole(old_database)


def test_empty_schema_of_somebody_else_is_refused_with_the_statement_that_helps(
    migrate: Migrate, old_database: str, superuser: Callable[[str], str]
) -> None:
    with databases.connect(superuser(old_database)) as boss:
        boss.execute("CREATE SCHEMA broadcast")
        before = everything(old_database)
        statement = "ALTER SCHEMA broadcast OWNER TO channel_owner;"
        refused(migrate(old_database), "belongs to", statement)
        assert everything(old_database) == before
        boss.execute(statement.encode())
    went_well(migrate(old_database))
    assert _is_whole(old_database)


def test_refused_upgrade_leaves_nothing_behind(migrate: Migrate, old_database: str) -> None:
    with databases.connect(old_database) as conn:
        conn.execute("ALTER TABLE main_clients_database ALTER client_id DROP NOT NULL")
        databases.add_channel(conn, None)
        before = everything(old_database)
        refused(migrate(old_database), "lack owner or ids")
        assert everything(old_database) == before


@pytest.mark.parametrize("filled", [False, True], ids=["empty quarantine", "filled quarantine"])
def test_downgrade_leaves_nothing_behind_but_a_filled_quarantine(
    filled: bool, migrate: Migrate, old_database: str
) -> None:
    if filled:
        builds.fill_old_database(old_database)
    before = everything(old_database)
    went_well(migrate(old_database))
    went_well(migrate(old_database, "downgrade"))
    left = {name for _, name in set(everything(old_database)) - set(before)}
    if filled:
        assert {name.split()[0] for name in left} == {
            "broadcast",
            "broadcast.quarantine",
            "broadcast.quarantine_id_seq",
        }
    else:
        assert left == set()
    went_well(migrate(old_database))
    assert filled or _is_whole(old_database)
