"""However the database was built, it is the same database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pyapi.checks.drift import Fact, expected_fingerprint, find_drift
from tests.migrations import builds
from tests.roles.test_matrix import ROLES
from tools import databases, servers

# Everything in the two schemas that can carry a comment, by name, with its comment.
COMMENTS = """
SELECT o.type, o.identity, d.description
FROM (
    SELECT 'pg_class'::regclass AS class_oid, c.oid, c.relnamespace AS schema_oid FROM pg_class AS c
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.pronamespace FROM pg_proc AS p
    UNION ALL
    SELECT 'pg_constraint'::regclass, k.oid, k.connamespace FROM pg_constraint AS k WHERE k.contype <> 'n'
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, 'public'::regnamespace FROM pg_trigger AS t WHERE NOT t.tgisinternal
    UNION ALL
    SELECT 'pg_namespace'::regclass, s.oid, s.oid FROM pg_namespace AS s
) AS n
CROSS JOIN LATERAL pg_identify_object(n.class_oid, n.oid, 0) AS o
LEFT JOIN pg_description AS d ON n.class_oid = d.classoid AND n.oid = d.objoid AND d.objsubid = 0
WHERE n.schema_oid IN ('public'::regnamespace, 'broadcast'::regnamespace) AND o.identity NOT LIKE '%alembic_version%'
ORDER BY 1, 2
"""


BUSINESS_TABLES = ("registered_users", "main_clients_database", "broadcast_manager")


def comments(url: str) -> list[tuple[str, str, str | None]]:
    with databases.connect(url) as conn:
        return [(kind, name, text) for kind, name, text in conn.execute(COMMENTS)]


@pytest.fixture(scope="module")
def offline_script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `alembic upgrade head --sql` writes; it needs no database for that."""
    written = builds.alembic("upgrade", "head", "--sql", url=None)
    assert written.returncode == 0, written.stderr
    script = tmp_path_factory.mktemp("offline") / "upgrade.sql"
    script.write_text(written.stdout)
    return script


def test_migrations_and_current_definition_build_the_same(database: str, empty_database: str) -> None:
    builds.load_current_definition(empty_database)
    assert builds.fingerprint(empty_database) == builds.fingerprint(database)
    assert comments(empty_database) == comments(database)


def test_psql_loads_the_current_definition(server: servers.Server, database: str, empty_database: str) -> None:
    done = builds.psql(server, empty_database, builds.SQL / "load.sql")
    assert (done.returncode, done.stderr) == (0, "")
    assert builds.fingerprint(empty_database) == builds.fingerprint(database)


def test_committed_fingerprint_is_that_of_a_fresh_build(database: str) -> None:
    fresh = [fact for fact in builds.fingerprint(database) if fact.scope != "other"]
    assert expected_fingerprint() == fresh, "write it again: make generate"


def test_committed_fingerprint_names_each_fact_once() -> None:
    names = [(fact.scope, fact.kind, fact.name) for fact in expected_fingerprint()]
    assert len(names) == len(set(names))


def test_adopted_database_has_no_drift(old_database: str) -> None:
    builds.fill_old_database(old_database)
    databases.upgrade(old_database)
    assert find_drift(builds.fingerprint(old_database)) == []


def test_second_upgrade_changes_nothing(old_database: str) -> None:
    builds.fill_old_database(old_database)
    databases.upgrade(old_database)
    before = builds.fingerprint(old_database), builds.rows(old_database)
    databases.upgrade(old_database)
    assert (builds.fingerprint(old_database), builds.rows(old_database)) == before


def test_every_object_of_ours_has_a_comment(database: str) -> None:
    # The three tables belong to the system that is found; what a table brings along is no object of its own, and two
    # files only look after what others made.
    ours = {"broadcast", *(file.name.partition(".")[0] for file in builds.included_files())}
    ours -= {"schema", "left_out", "no_row_level_security", *BUSINESS_TABLES}
    found = [(_own_name(kind, identity), text) for kind, identity, text in comments(database)]
    with databases.connect(database) as conn:
        for role in ROLES:
            row = conn.execute("SELECT shobj_description(%s::regrole, 'pg_authid')", [role]).fetchone()
            found.append((role, row[0] if row else None))
    assert ours - {name for name, _ in found} == set()
    assert [name for name, text in found if name in ours and not text] == []


def _own_name(kind: str, identity: str) -> str:
    # As in "broadcast.f(integer)", "t on public.x", "broadcast.v".
    own = identity.partition(" on ")[0] if kind in ("trigger", "table constraint") else identity
    return own.partition("(")[0].rpartition(".")[2]


def test_offline_script_builds_the_same_out_of_nothing(
    server: servers.Server, offline_script: Path, database: str, empty_database: str
) -> None:
    done = builds.psql(server, empty_database, offline_script)
    assert done.returncode == 0, done.stderr
    assert builds.fingerprint(empty_database) == builds.fingerprint(database)
    assert comments(empty_database) == comments(database)
    assert builds.revision(empty_database) == builds.revision(database)


def test_offline_script_adopts_like_the_online_upgrade(
    server: servers.Server, offline_script: Path, old_database: str, new_database: Callable[..., str]
) -> None:
    builds.fill_old_database(old_database)
    old_template = databases.name_of(old_database)
    offline, online = new_database(old_template), new_database(old_template)
    done = builds.psql(server, offline, offline_script)
    assert done.returncode == 0, done.stderr
    databases.upgrade(online)
    assert builds.fingerprint(offline) == builds.fingerprint(online)
    assert builds.rows(offline) == builds.rows(online)
    reasons = {reason for reason, _, _ in builds.rows(offline)["quarantine"]}
    assert reasons == {"channel_gone", "owner_corrected", "relinked"}


def test_offline_script_refuses_like_the_online_upgrade(
    server: servers.Server, offline_script: Path, old_database: str
) -> None:
    with databases.connect(old_database) as conn:
        conn.execute("ALTER TABLE main_clients_database ALTER client_id DROP NOT NULL")
        pair = databases.add_channel(conn, None)
    before = builds.fingerprint(old_database)
    offline = builds.psql(server, old_database, offline_script)
    online = builds.alembic("upgrade", "head", url=old_database)
    assert offline.returncode != 0
    assert online.returncode != 0
    for told in (offline.stderr, online.stderr):
        assert "nothing was changed" in told
        assert pair[0] in told
    assert builds.fingerprint(old_database) == before
    with databases.connect(old_database) as conn:
        tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    assert tables == [("broadcast_manager",), ("main_clients_database",), ("registered_users",)]


@pytest.mark.parametrize("state", ["fresh", "adopted"])
def test_dump_and_restore_keep_the_fingerprint(
    state: str,
    server: servers.Server,
    database: str,
    old_database: str,
    new_database: Callable[..., str],
    tmp_path: Path,
) -> None:
    source = database
    if state == "adopted":
        source = old_database
        builds.fill_old_database(source)
        databases.upgrade(source)
    restored, dump = new_database(), tmp_path / "dump.sql"
    with databases.connect(source) as conn:
        databases.add_channel(conn, databases.add_user(conn))
    builds.dump(server, source, dump)
    done = builds.psql(server, restored, dump)
    assert done.returncode == 0, done.stderr
    assert builds.fingerprint(restored) == builds.fingerprint(source)
    assert builds.rows(restored) == builds.rows(source)


def test_facts_are_told_apart_by_a_changed_definition() -> None:
    fact = Fact("rule", "function body", "create_broadcast_rows", "0")
    assert [d.name for d in find_drift([fact]) if d.found == "0"] == ["create_broadcast_rows"]
