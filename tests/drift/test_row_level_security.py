"""What hides or rewrites rows after an upgrade is found, and no function of ours takes hidden rows for missing."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from pyapi.checks.drift import find_drift, read_fingerprint
from pyapi.checks.violations import Violation, find_violations
from tools import databases

HIDE = {
    "main_clients_database": "ALTER TABLE main_clients_database ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
    "CREATE POLICY tenant ON main_clients_database"
    " USING (client_id::text = current_setting('app.client', true)) WITH CHECK (true)",
    "broadcast_manager": "ALTER TABLE broadcast_manager ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "registered_users": "ALTER TABLE registered_users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
}


@pytest.fixture
def conn(database: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with databases.connect(database) as conn:
        client = databases.add_user(conn)
        for _ in range(3):
            databases.add_channel(conn, client)
        yield conn


def findings(conn: psycopg.Connection[tuple[object, ...]]) -> dict[str, Violation]:
    return {v.check_name: v for v in find_violations(conn)}


@pytest.mark.parametrize(("table", "statements"), HIDE.items(), ids=HIDE)
def test_hidden_rows_are_one_finding_and_not_many(
    conn: psycopg.Connection[tuple[object, ...]], table: str, statements: str
) -> None:
    conn.execute(statements.encode())
    found = find_violations(conn)
    assert [v.check_name for v in found] == ["rows_hidden"]
    assert table in found[0].detail
    drift = [d for d in find_drift(read_fingerprint(conn)) if d.name == table]
    assert [(d.kind, d.found) for d in drift] == [("row level security", "hides rows from the owner")]
    conn.execute(found[0].remedy.encode())
    assert find_violations(conn) == []
    assert find_drift(read_fingerprint(conn)) == []


def test_owner_that_bypasses_policies_sees_all(
    conn: psycopg.Connection[tuple[object, ...]], database: str, superuser: Callable[[str], str]
) -> None:
    conn.execute(HIDE["main_clients_database"].encode())
    with databases.connect(superuser(database)) as boss:
        boss.execute("CREATE ROLE sees_all LOGIN BYPASSRLS; GRANT ALL ON SCHEMA public TO sees_all")
        try:
            boss.execute(f"REASSIGN OWNED BY {databases.OWNER} TO sees_all".encode())
            assert find_violations(boss) == []
            assert [d for d in find_drift(read_fingerprint(boss)) if d.kind == "row level security"] == []
        finally:
            boss.execute(f"REASSIGN OWNED BY sees_all TO {databases.OWNER}; DROP OWNED BY sees_all".encode())
            boss.execute("DROP ROLE sees_all")


def test_truncate_stays_refused_under_channels_that_are_hidden(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    conn.execute(HIDE["main_clients_database"].encode())
    with pytest.raises(psycopg.DatabaseError) as refusal:
        conn.execute("TRUNCATE broadcast_manager CASCADE")
    assert refusal.value.sqlstate == "BM002"


@pytest.mark.parametrize(
    "call",
    [
        "CALL broadcast.repair_broadcasts()",
        "CALL broadcast.backfill_broadcasts()",
        "SELECT broadcast.quarantine_duplicate_broadcasts()",
        "SELECT * FROM broadcast.client_channels(gen_random_uuid(), NULL)",
        "SELECT * FROM broadcast.claim_due_broadcasts('worker', 1)",
        "SELECT * FROM broadcast.queue()",
    ],
)
def test_function_does_not_take_hidden_rows_for_missing(
    conn: psycopg.Connection[tuple[object, ...]], call: str
) -> None:
    before = conn.execute("SELECT count(*) FROM broadcast_manager").fetchone()
    for table in ("main_clients_database", "broadcast_manager"):
        conn.execute(HIDE[table].encode())
    if "claim" in call:
        conn.execute("UPDATE broadcast.settings SET sending = true")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        conn.execute(call.encode())
    conn.execute("ALTER TABLE broadcast_manager NO FORCE ROW LEVEL SECURITY")
    assert conn.execute("SELECT count(*) FROM broadcast_manager").fetchone() == before


def test_clients_go_on_where_policies_let_them(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    conn.execute(HIDE["main_clients_database"].encode())
    client = databases.add_user(conn)
    pair = databases.add_channel(conn, client)
    assert databases.broadcast_id(conn, pair) is not None


@pytest.mark.parametrize("table", ["main_clients_database", "broadcast_manager"])
def test_rule_is_found(conn: psycopg.Connection[tuple[object, ...]], table: str) -> None:
    conn.execute(f"CREATE RULE theirs AS ON DELETE TO {table} DO INSTEAD NOTHING".encode())
    assert "theirs" in findings(conn)["rule_on_table"].detail
    assert [(d.kind, d.name) for d in find_drift(read_fingerprint(conn))] == [("rewriting", table)]
    conn.execute(f"DROP RULE theirs ON {table}".encode())
    assert find_violations(conn) == []


def test_table_of_ours_that_hides_rows_is_drift(conn: psycopg.Connection[tuple[object, ...]]) -> None:
    conn.execute("ALTER TABLE broadcast.settings ENABLE ROW LEVEL SECURITY")
    assert [(d.kind, d.name) for d in find_drift(read_fingerprint(conn))] == [("row level security", "settings")]


def test_event_trigger_that_hides_rows_of_new_tables_does_not_hide_ours(
    old_database: str, superuser: Callable[[str], str]
) -> None:
    with databases.connect(superuser(old_database)) as boss:
        boss.execute(
            "CREATE FUNCTION public.hide() RETURNS event_trigger LANGUAGE plpgsql AS $$ DECLARE o record; BEGIN"
            " FOR o IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE object_type = 'table' LOOP"
            " EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', o.object_identity); END LOOP; END $$;"
            "CREATE EVENT TRIGGER hide ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.hide()"
        )
        databases.upgrade(old_database)
        assert [d for d in find_drift(read_fingerprint(boss)) if d.kind == "row level security"] == []
