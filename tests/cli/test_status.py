"""status and upgrade --dry-run: what there is to do, in five lines, without doing it."""

from collections.abc import Callable
from typing import LiteralString

import pytest

from tests.adoption.states import add_broadcast, picture
from tests.cli.conftest import Run
from tests.migrations import builds
from tools import databases

HEAD = builds.REVISIONS[-1]


@pytest.fixture
def unlike(old_database: str) -> str:
    """A database of before: two channels without rows, one of them to be relinked, another owner, two to quarantine."""
    with databases.connect(old_database) as conn:
        client, other = databases.add_user(conn), databases.add_user(conn)
        databases.add_channel(conn, client)
        moved = databases.add_channel(conn, client)
        add_broadcast(conn, client, (moved[0], "-1009"))
        add_broadcast(conn, other, databases.add_channel(conn, client))
        add_broadcast(conn, client, ("-1001", "-1002"))
        add_broadcast(conn, client, ("-1003", "-1004"))
    return old_database


@pytest.mark.parametrize("arguments", [["status"], ["upgrade", "--dry-run"]], ids=["status", "dry run"])
def test_what_upgrade_would_do_is_what_it_does(run: Run, unlike: str, arguments: list[str]) -> None:
    before = picture(unlike)
    told = run(unlike, *arguments)
    assert picture(unlike) == before
    assert (told.code, told.err) == (1, "")
    lines = told.out.splitlines()
    assert len(lines) == 5
    assert lines[:3] == [
        f"Revision: none; this release's: {HEAD}.",
        "Upgrade would create 1, repair 2, quarantine 2 broadcast rows.",
        "The rule is not installed.",
    ]
    assert lines[4] == "Last full check: none yet."
    databases.upgrade(unlike)
    with databases.connect(unlike) as conn:
        done = dict(conn.execute("SELECT reason, count(*) FROM broadcast.quarantine GROUP BY 1").fetchall())
        assert conn.execute("SELECT count(*) FROM broadcast_manager").fetchone() == (3,)
        assert done == {"owner_corrected": 1, "relinked": 1, "channel_gone": 2}
        conn.execute("SELECT broadcast.check_integrity()")
    told = run(unlike, *arguments)
    assert (told.code, told.err) == (0, "")
    lines = told.out.splitlines()
    assert lines[:3] == [
        f"Revision: {HEAD}; this release's: {HEAD}.",
        "Upgrade would create 0, repair 0, quarantine 0 broadcast rows.",
        "The rule is in force.",
    ]
    assert lines[4].startswith("Last full check: 0:00:")


def test_status_of_an_upgrade_that_ended_halfway(run: Run, unlike: str) -> None:
    databases.upgrade(unlike, "0007")
    told = run(unlike, "status")
    assert told.code == 1
    assert f"Revision: 0007; this release's: {HEAD}." in told.out
    assert "create 1, repair 2, quarantine 2" in told.out


def test_status_counts_what_stands_twice(run: Run, old_database: str) -> None:
    with databases.connect(old_database) as conn:
        conn.execute("ALTER TABLE broadcast_manager DROP CONSTRAINT unique_channel_pair")
        client = databases.add_user(conn)
        pair = databases.add_channel(conn, client)
        for _ in range(3):
            add_broadcast(conn, client, pair)
    assert "create 0, repair 0, quarantine 2" in run(old_database, "status").out


@pytest.mark.parametrize(
    ("change", "code", "sentence"),
    [
        ("DISABLE TRIGGER create_broadcast_rows", 1, "The rule is not in force: create_broadcast_rows."),
        ("ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY", 2, "row level security hides rows"),
    ],
)
def test_status_says_what_is_not_as_it_should_be(
    run: Run, database: str, change: LiteralString, code: int, sentence: str
) -> None:
    with databases.connect(database) as conn:
        conn.execute(f"ALTER TABLE main_clients_database {change}")
    told = run(database, "status")
    assert told.code == code
    assert sentence in told.out


def test_status_of_an_empty_database(run: Run, empty_database: str) -> None:
    told = run(empty_database, "status")
    assert told.code == 1
    assert "make the tables that are missing" in told.out


def test_status_without_a_database_exits_with_2(run: Run) -> None:
    assert run("postgresql://nobody@127.0.0.1:1/nothing", "status").code == 2


def test_dry_run_tells_what_upgrade_would_refuse_with(run: Run, unlike: str) -> None:
    with databases.connect(unlike) as conn:
        conn.execute("CREATE RULE theirs AS ON DELETE TO broadcast_manager DO INSTEAD NOTHING")
    before = picture(unlike)
    told = run(unlike, "upgrade", "--dry-run")
    assert picture(unlike) == before
    assert told.code == 1
    assert "DROP RULE theirs ON broadcast_manager" in told.err


def test_dry_run_tries_event_triggers_of_others(run: Run, unlike: str, superuser: Callable[[str], str]) -> None:
    with databases.connect(superuser(unlike)) as boss:
        boss.execute(
            "CREATE FUNCTION no_index() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no index'; END $$;"
            "CREATE EVENT TRIGGER no_index ON ddl_command_end WHEN TAG IN ('CREATE INDEX')"
            " EXECUTE FUNCTION no_index()"
        )
    before = picture(unlike)
    told = run(unlike, "upgrade", "--dry-run")
    assert picture(unlike) == before
    assert told.code == 1
    assert "Event triggers: no_index" in told.err


def test_dry_run_of_an_upgrade_that_ended_halfway_tells_who_may_go_on(
    run: Run, unlike: str, superuser: Callable[[str], str]
) -> None:
    databases.upgrade(unlike, "0007")
    told = run(superuser(unlike), "upgrade", "--dry-run")
    assert told.code == 1
    assert f"belongs to {databases.OWNER}, you are" in told.err


def test_watch_says_what_is_not_well_and_what_to_do(run: Run, database: str) -> None:
    told = run(database, "status", "--watch")
    assert (told.code, told.err) == (1, "")
    assert "No worker runs, so nothing is sent. To start one: broadcast-manager worker." in told.out
    with databases.connect(database) as conn:
        conn.execute("SELECT broadcast.worker_looks('host:1:a', '0.1.0', 'a_bot', 10, '5 seconds')")
        told = run(database, "status", "--watch")
        assert (told.code, told.err) == (0, "")
        assert "It is well." in told.out
        conn.execute("SELECT broadcast.set_sending(FALSE, 'Under repair.')")
        assert "Sending is off: Under repair. To switch it on" in run(database, "status", "--watch").out
        conn.execute("DROP TRIGGER create_broadcast_rows ON main_clients_database")
        assert "The rule is not in force: create_broadcast_rows." in run(database, "status", "--watch").out
    assert max(len(line) for line in told.out.splitlines() if "host:1:a" in line) <= 80
