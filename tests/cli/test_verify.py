"""`broadcast-manager verify`: finds each way to break the rule, and its remedy mends it."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.adoption.states import Conn, add_broadcast
from tests.cli.conftest import Run
from tools import databases, servers

CHECK = databases.ROOT / "sql" / "checks" / "verify_broadcast_integrity.sql"
FUNCTION = CHECK.with_name("find_integrity_violations.sql")

BYPASS = "SET session_replication_role = replica;"
DROP_ROW_KEY = "ALTER TABLE broadcast_manager DROP CONSTRAINT broadcast_manager_client_id_pair_fkey;"
DROP_CHANNEL_KEY = "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey;"
ADD_ROW_KEY = (
    "ALTER TABLE broadcast_manager ADD CONSTRAINT broadcast_manager_client_id_pair_fkey"
    " FOREIGN KEY (client_id, open_channel_id, closed_channel_id)"
    " REFERENCES main_clients_database (client_id, open_channel_id, closed_channel_id) "
)
ADD_CHANNEL_KEY = (
    "ALTER TABLE main_clients_database ADD CONSTRAINT main_clients_database_pair_fkey"
    " FOREIGN KEY (open_channel_id, closed_channel_id)"
    " REFERENCES broadcast_manager (open_channel_id, closed_channel_id) "
)
COPY_ROW = (
    "INSERT INTO {0} SELECT r.* FROM {0} AS t, jsonb_populate_record(t, jsonb_build_object('id', {1})) AS r LIMIT 1;"
)
DEFER_KEY_TRIGGER = """
DO $$ DECLARE t record; BEGIN
FOR t IN SELECT g.tgname, g.tgrelid::regclass AS relation FROM pg_trigger AS g
INNER JOIN pg_constraint AS k ON g.tgconstraint = k.oid WHERE k.conname = 'main_clients_database_pair_fkey'
LOOP EXECUTE format('ALTER TABLE %s ENABLE REPLICA TRIGGER %I', t.relation, t.tgname); END LOOP; END $$;
"""

BROKEN = [
    ("channel_without_broadcast", BYPASS + "DELETE FROM broadcast_manager"),
    ("broadcast_without_channel", BYPASS + "DELETE FROM main_clients_database"),
    ("broadcast_without_channel", BYPASS + "UPDATE main_clients_database SET open_channel_id = '-1007777777'"),
    ("owner_mismatch", BYPASS + "UPDATE broadcast_manager SET client_id = gen_random_uuid()"),
    (
        "duplicate_broadcast",
        BYPASS
        + "DROP INDEX broadcast_manager_pair_key CASCADE;"
        + COPY_ROW.format("broadcast_manager", "gen_random_uuid()"),
    ),
    ("trigger_missing", "DROP TRIGGER create_broadcast_rows ON main_clients_database"),
    ("trigger_missing", "DROP TRIGGER take_over_auto_created_row ON broadcast_manager"),
    ("trigger_missing", "DROP TRIGGER refuse_broadcast_truncate ON broadcast_manager"),
    ("trigger_disabled", "ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows"),
    ("trigger_disabled", "ALTER TABLE broadcast_manager DISABLE TRIGGER USER"),
    ("trigger_replica_only", "ALTER TABLE main_clients_database ENABLE REPLICA TRIGGER create_broadcast_rows"),
    ("key_missing", DROP_ROW_KEY),
    ("key_missing", DROP_CHANNEL_KEY),
    ("key_missing", "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_owner_fkey"),
    ("key_not_validated", DROP_ROW_KEY + ADD_ROW_KEY + "ON DELETE CASCADE ON UPDATE CASCADE NOT VALID"),
    ("key_not_validated", DROP_CHANNEL_KEY + ADD_CHANNEL_KEY + "DEFERRABLE INITIALLY DEFERRED NOT VALID"),
    ("key_wrong", DROP_ROW_KEY + ADD_ROW_KEY + "ON DELETE CASCADE"),
    ("key_wrong", DROP_CHANNEL_KEY + ADD_CHANNEL_KEY + "DEFERRABLE"),
    ("key_trigger_disabled", "ALTER TABLE broadcast_manager DISABLE TRIGGER ALL"),
    ("key_trigger_disabled", DEFER_KEY_TRIGGER),
    ("unique_key_missing", "DROP INDEX main_clients_database_pair_key"),
    ("unique_key_missing", "DROP INDEX main_clients_database_client_id_pair_key CASCADE"),
    ("unique_key_missing", "DROP INDEX broadcast_manager_pair_key CASCADE"),
    ("column_missing", "ALTER TABLE broadcast_manager DROP COLUMN last_open_message_id"),
    ("column_nullable", "ALTER TABLE broadcast_manager ALTER client_id DROP NOT NULL"),
    ("column_nullable", "ALTER TABLE main_clients_database ALTER closed_channel_id DROP NOT NULL"),
]


@pytest.fixture
def filled(database: str) -> str:
    """A database with the rule and one channel, which verify finds in order."""
    with databases.connect(database) as conn:
        databases.add_channel(conn, databases.add_user(conn))
    return database


def findings(run: Run, url: str, *more: str) -> list[dict[str, Any]]:
    outcome = run(url, "verify", "--json", *more)
    found: list[dict[str, Any]] = [json.loads(line) for line in outcome.out.splitlines()]
    assert outcome.code == (1 if found else 0)
    return found


def apply(conn: Conn, remedy: str) -> None:
    """Do what a remedy says: the statements and the files that it names, one after the other."""
    steps = re.findall(r"(?:CALL|SELECT|ALTER|REINDEX)\b[^;]*;|sql/\w+/[\w.]+\.sql", remedy)
    assert steps
    for step in steps:
        text = (databases.ROOT / step).read_text() if step.startswith("sql/") else step
        conn.execute(text.encode())


@pytest.mark.parametrize(("check_name", "damage"), BROKEN)
def test_verify_finds_the_damage_and_its_remedy_mends_it(
    run: Run, filled: str, superuser: Callable[[str], str], check_name: str, damage: str
) -> None:
    assert findings(run, filled) == []
    with databases.connect(superuser(filled)) as boss:
        boss.execute(damage.encode())
    found = [f for f in findings(run, filled) if f["check_name"] == check_name]
    assert found
    assert {f["severity"] for f in found} == {
        "warning" if check_name in ("key_not_validated", "column_missing") else "error"
    }
    table = run(filled, "verify")
    assert table.code == 1
    with databases.connect(superuser(filled)) as boss:
        for finding in found:
            assert finding["detail"]
            apply(boss, finding["remedy"])
    assert [f for f in findings(run, filled) if f["check_name"] == check_name] == []


def test_verify_finds_a_key_that_is_not_enforced(run: Run, filled: str, superuser: Callable[[str], str]) -> None:
    statement = "ALTER TABLE {} ALTER CONSTRAINT {} NOT ENFORCED"
    with databases.connect(superuser(filled)) as boss:
        damage = statement.format("broadcast_manager", "broadcast_manager_client_id_pair_fkey").encode()
        if boss.info.server_version < 180000:
            # Older servers know no such key.
            with pytest.raises(psycopg.errors.SyntaxError):
                boss.execute(damage)
            return
        boss.execute(damage)
        found = findings(run, filled)
        assert [f["check_name"] for f in found] == ["key_not_enforced"]
        apply(boss, found[0]["remedy"])
    assert findings(run, filled) == []


@pytest.mark.parametrize("column", ["sub_1_time", "sub_3_price"])
def test_verify_finds_a_column_whose_type_can_not_be_read(run: Run, filled: str, column: str) -> None:
    with databases.connect(filled) as conn:
        conn.execute("ALTER TABLE main_clients_database ALTER COLUMN sub_1_time TYPE integer")
        assert findings(run, filled) == []
        conn.execute(f"ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_{column}_check".encode())
        conn.execute(f"ALTER TABLE main_clients_database ALTER COLUMN {column} TYPE text".encode())
    (found,) = findings(run, filled)
    assert (found["check_name"], found["severity"]) == ("column_type", "warning")
    assert column in found["detail"]


def test_verify_finds_an_invalid_index(run: Run, filled: str) -> None:
    with databases.connect(filled) as conn:
        databases.add_channel(conn, databases.add_user(conn))
        with pytest.raises(psycopg.errors.UniqueViolation):
            conn.execute("CREATE UNIQUE INDEX CONCURRENTLY others ON broadcast_manager (is_active)")
        found = findings(run, filled)
        assert [(f["check_name"], f["severity"]) for f in found] == [("index_invalid", "warning")]
        conn.execute(
            "UPDATE broadcast_manager"
            " SET is_active = (open_channel_id = (SELECT min(open_channel_id) FROM main_clients_database))"
        )
        apply(conn, found[0]["remedy"])
    assert findings(run, filled) == []


def test_verify_finds_a_pair_that_stands_in_two_channels(
    run: Run, filled: str, superuser: Callable[[str], str]
) -> None:
    with databases.connect(superuser(filled)) as boss:
        boss.execute(
            BYPASS.encode()
            + b"DROP INDEX main_clients_database_pair_key, main_clients_database_client_id_pair_key CASCADE"
        )
        boss.execute(COPY_ROW.format("main_clients_database", "t.id + 1").encode())
        found = [f for f in findings(run, filled) if f["check_name"] == "duplicate_channel"]
        assert len(found) == 1
        assert "2 channels" in found[0]["detail"]
        boss.execute("DELETE FROM main_clients_database WHERE id = (SELECT max(id) FROM main_clients_database)")
    assert "duplicate_channel" not in {f["check_name"] for f in findings(run, filled)}


def test_verify_when_all_is_well_says_so(run: Run, filled: str) -> None:
    outcome = run(filled, "verify")
    assert outcome.code == 0
    assert outcome.out.startswith("📢 Every channel has exactly one broadcast row")
    assert run(filled, "verify", "--json").out == ""


def test_verify_json_names_channel_and_client(run: Run, filled: str, superuser: Callable[[str], str]) -> None:
    with databases.connect(superuser(filled)) as boss:
        boss.execute(BYPASS.encode() + b"DELETE FROM broadcast_manager")
        channel = boss.execute(
            "SELECT client_id::text, open_channel_id, closed_channel_id FROM main_clients_database"
        ).fetchone()
    (finding,) = findings(run, filled)
    assert (finding["client_id"], finding["open_channel_id"], finding["closed_channel_id"]) == channel
    assert list(finding) == [
        "check_name",
        "severity",
        "client_id",
        "open_channel_id",
        "closed_channel_id",
        "broadcast_id",
        "detail",
        "remedy",
    ]


def test_verify_tells_what_was_found_and_what_to_do(run: Run, filled: str, superuser: Callable[[str], str]) -> None:
    with databases.connect(superuser(filled)) as boss:
        boss.execute("DROP TRIGGER create_broadcast_rows ON main_clients_database")
    outcome = run(filled, "verify")
    assert outcome.out == (
        "trigger_missing (error)\n"
        "  Trigger create_broadcast_rows on main_clients_database.\n"
        "  To do: broadcast-manager upgrade; if the database is at head: sql/rule/create_broadcast_rows.trigger.sql\n"
        "\n"
        "1 finding\n"
    )


@pytest.fixture
def many(filled: str, superuser: Callable[[str], str]) -> str:
    """A database in which 30 channels have no row, 25 rows no channel, and a trigger is gone."""
    with databases.connect(superuser(filled)) as boss:
        client = databases.add_user(boss)
        boss.execute("DELETE FROM main_clients_database")
        for n in range(55):
            databases.add_channel(boss, client, f"-100326856{n:04}", f"-100325333{n:04}")
        boss.execute(BYPASS.encode())
        boss.execute("DELETE FROM broadcast_manager WHERE open_channel_id < '-1003268560030'")
        boss.execute("DELETE FROM main_clients_database WHERE open_channel_id >= '-1003268560030'")
        boss.execute("DROP TRIGGER refuse_broadcast_truncate ON broadcast_manager")
    return filled


ORPHANS, MISSING, TRIGGERS = "broadcast_without_channel", "channel_without_broadcast", "trigger_missing"
CLIENT = re.compile(r"^  \((-\d+), (-\d+)\)  client [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", re.MULTILINE)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([], 20 + 20),
        (["--limit", "3"], 3 + 3),
        (["--limit", "22"], 22 + 22),
        (["--all"], 30 + 25),
        (["--check", MISSING], 20),
        (["--check", MISSING, "--all"], 30),
        (["--check", MISSING, "--check", ORPHANS, "--limit", "1"], 2),
        (["--check", TRIGGERS], 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_verify_shows_examples_of_each_check_and_counts_all(
    run: Run, many: str, options: list[str], shown: int
) -> None:
    outcome = run(many, "verify", *options)
    assert outcome.code == 1
    assert len(CLIENT.findall(outcome.out)) == shown
    *_, last = [line for line in outcome.out.splitlines() if re.match(r"\d+ finding", line)]
    wanted = {MISSING: 30, ORPHANS: 25, TRIGGERS: 1}
    asked = [name for name in wanted if "--check" not in options or name in options]
    total = sum(wanted[name] for name in asked)
    assert last == ("1 finding" if total == 1 else f"{total} findings")
    if len(asked) > 1:
        assert {name: int(re.findall(rf"^  {name} +(\d+)", outcome.out, re.MULTILINE)[0]) for name in asked} == {
            name: wanted[name] for name in asked
        }
    # Something is hidden, and then it is said how to see it.
    assert ("--all shows all of them" in outcome.out) is (shown + asked.count(TRIGGERS) < total)


def test_verify_json_is_whole_unless_limited(run: Run, many: str) -> None:
    assert len(findings(run, many)) == 56
    assert {f["check_name"] for f in findings(run, many, "--check", ORPHANS)} == {ORPHANS}
    assert len(findings(run, many, "--limit", "2")) == 2 + 2 + 1


def test_verify_of_a_check_that_finds_nothing_says_no_more_than_that(run: Run, many: str) -> None:
    outcome = run(many, "verify", "--check", "owner_mismatch")
    assert (outcome.code, outcome.out) == (0, "📢 No findings of owner_mismatch.\n")


def test_verify_runs_before_the_upgrade(run: Run, old_database: str) -> None:
    with databases.connect(old_database) as conn:
        client = databases.add_user(conn)
        databases.add_channel(conn, client)
        add_broadcast(conn, client, ("-1001", "-1002"))
    names = {f["check_name"] for f in findings(run, old_database)}
    assert names >= {"channel_without_broadcast", "broadcast_without_channel", "trigger_missing", "key_missing"}
    databases.upgrade(old_database)
    assert findings(run, old_database) == []


def test_verify_reader_role_may_look(run: Run, filled: str, server_url: str) -> None:
    with databases.connect(server_url) as boss:
        boss.execute("CREATE ROLE cli_reader LOGIN PASSWORD 'test-only' IN ROLE broadcast_reader")
    reader = databases.at(filled, databases.name_of(filled), "cli_reader", "test-only")
    outcome = run(reader, "verify")
    with databases.connect(filled) as conn:
        conn.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
    found = findings(run, reader)
    with databases.connect(server_url) as boss:
        boss.execute("DROP ROLE cli_reader")
    assert (outcome.code, outcome.err) == (0, "")
    assert [f["check_name"] for f in found] == ["trigger_disabled"]


def test_verify_check_file_is_the_query_of_the_function() -> None:
    assert FUNCTION.read_text().split("\n$$;")[0].partition("AS $$\n")[2] == CHECK.read_text().rstrip("\n")


@pytest.mark.parametrize("upgraded", [False, True])
def test_verify_check_file_runs_with_psql(old_database: str, server: servers.Server, upgraded: bool) -> None:
    binaries = servers.client_binaries(server)
    assert binaries is not None
    with databases.connect(old_database) as conn:
        databases.add_channel(conn, databases.add_user(conn))
    if upgraded:
        databases.upgrade(old_database)
    found = psql(binaries, old_database).split("\n")
    assert ("channel_without_broadcast" in " ".join(found)) is not upgraded


def psql(binaries: Path, url: str) -> str:
    return subprocess.run(
        [binaries / "psql", url, "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", CHECK],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
