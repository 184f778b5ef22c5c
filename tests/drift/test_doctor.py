"""broadcast-manager doctor names what somebody changed, and leaves alone what is not ours."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner, Result

from pyapi.cli import app
from tests.drift.conftest import PASSWORD
from tests.migrations import builds
from tools import databases

CREATE, TAKEOVER, GUARD = "create_broadcast_rows", "take_over_auto_created_row", "refuse_broadcast_truncate"
CASCADE_KEY, PAIR_KEY = "broadcast_manager_client_id_pair_fkey", "main_clients_database_pair_fkey"
DROP_PAIR_KEY = f"ALTER TABLE main_clients_database DROP CONSTRAINT {PAIR_KEY};"
ADD_PAIR_KEY = (
    f"ALTER TABLE main_clients_database ADD CONSTRAINT {PAIR_KEY} FOREIGN KEY (open_channel_id, closed_channel_id)"
    " REFERENCES broadcast_manager (open_channel_id, closed_channel_id) DEFERRABLE INITIALLY DEFERRED "
)
DROP_CASCADE_KEY = f"ALTER TABLE broadcast_manager DROP CONSTRAINT {CASCADE_KEY};"
ADD_CASCADE_KEY = (
    f"ALTER TABLE broadcast_manager ADD CONSTRAINT {CASCADE_KEY}"
    " FOREIGN KEY (client_id, open_channel_id, closed_channel_id)"
    " REFERENCES main_clients_database (client_id, open_channel_id, closed_channel_id) "
)
NOT_ENFORCED = (
    "DO $$ BEGIN EXECUTE CASE WHEN current_setting('server_version_num')::int >= 180000"
    f" THEN 'ALTER TABLE main_clients_database ALTER CONSTRAINT {PAIR_KEY} NOT ENFORCED'"
    f" ELSE '{DROP_PAIR_KEY}{ADD_PAIR_KEY} NOT VALID' END; END $$"
)


class Change(NamedTuple):
    """What somebody did by hand, and what doctor has to name."""

    statements: str
    kind: str
    name: str
    by_superuser: bool = False


CHANGES = {
    "function body": Change(
        "CREATE OR REPLACE FUNCTION broadcast.create_broadcast_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER"
        " SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NULL; END'",
        *("function body", CREATE),
    ),
    "lost search_path": Change(
        "ALTER FUNCTION broadcast.create_broadcast_rows() RESET search_path", "function", CREATE
    ),
    "security invoker": Change("ALTER FUNCTION broadcast.create_broadcast_rows() SECURITY INVOKER", "function", CREATE),
    "function's owner": Change(
        "ALTER FUNCTION broadcast.take_over_auto_created_row() OWNER TO CURRENT_USER",
        "owner",
        f"{TAKEOVER} runs as",
        True,
    ),
    "dropped function": Change(
        "DROP FUNCTION broadcast.backfill_broadcast_batch(text[], text[], interval)",
        "function",
        "backfill_broadcast_batch",
    ),
    "dropped function and its trigger": Change(
        "DROP FUNCTION broadcast.refuse_broadcast_truncate() CASCADE", "trigger", f"{GUARD} on broadcast_manager"
    ),
    "second function of the name": Change(
        "CREATE FUNCTION broadcast.backfill_broadcast_batch() RETURNS integer LANGUAGE sql AS 'SELECT 0'",
        *("function", "backfill_broadcast_batch"),
    ),
    "disabled trigger": Change(
        f"ALTER TABLE main_clients_database DISABLE TRIGGER {CREATE}",
        *("trigger", f"{CREATE} on main_clients_database"),
    ),
    "replica-only trigger": Change(
        f"ALTER TABLE main_clients_database ENABLE REPLICA TRIGGER {CREATE}",
        *("trigger", f"{CREATE} on main_clients_database"),
    ),
    "dropped trigger": Change(
        f"DROP TRIGGER {CREATE} ON main_clients_database", "trigger", f"{CREATE} on main_clients_database"
    ),
    "trigger with another definition": Change(
        f"DROP TRIGGER {TAKEOVER} ON broadcast_manager; CREATE TRIGGER {TAKEOVER} BEFORE INSERT ON broadcast_manager"
        f" FOR EACH ROW EXECUTE FUNCTION broadcast.{TAKEOVER}()",
        *("trigger", f"{TAKEOVER} on broadcast_manager"),
    ),
    "disabled key triggers": Change(
        "ALTER TABLE broadcast_manager DISABLE TRIGGER ALL",
        *("key trigger", f"{CASCADE_KEY} on broadcast_manager, RI_FKey_check_ins", True),
    ),
    "replica-only key trigger": Change(
        "UPDATE pg_trigger SET tgenabled = 'R' WHERE tgrelid = 'main_clients_database'::regclass AND tgisinternal",
        *("key trigger", f"{CASCADE_KEY} on main_clients_database, RI_FKey_cascade_del", True),
    ),
    "dropped key": Change(DROP_PAIR_KEY, "constraint", PAIR_KEY),
    "key not valid": Change(f"{DROP_PAIR_KEY}{ADD_PAIR_KEY} NOT VALID", "constraint", PAIR_KEY),
    "key not enforced": Change(NOT_ENFORCED, "constraint", PAIR_KEY),
    "key no longer deferrable": Change(
        f"ALTER TABLE main_clients_database ALTER CONSTRAINT {PAIR_KEY} NOT DEFERRABLE", "constraint", PAIR_KEY
    ),
    "key deferrable but immediate": Change(
        f"ALTER TABLE main_clients_database ALTER CONSTRAINT {PAIR_KEY} DEFERRABLE INITIALLY IMMEDIATE",
        *("constraint", PAIR_KEY),
    ),
    "key without ON UPDATE": Change(
        f"{DROP_CASCADE_KEY}{ADD_CASCADE_KEY} ON DELETE CASCADE", "constraint", CASCADE_KEY
    ),
    "dropped key of the owner": Change(
        "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_owner_fkey",
        *("foreign key", "channel to its owner"),
    ),
    "dropped unique index": Change("DROP INDEX main_clients_database_pair_key", "unique key", "one channel per pair"),
    "invalid index": Change(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'broadcast_manager_pair_key'::regclass",
        *("unique key", "one broadcast row per pair", True),
    ),
    "column takes NULL": Change(
        "ALTER TABLE broadcast_manager ALTER client_id DROP NOT NULL", "column", "broadcast_manager.client_id"
    ),
    "lost grant": Change(
        "REVOKE DELETE ON main_clients_database FROM broadcast_channel_writer",
        *("grant", "on TABLE public.main_clients_database to broadcast_channel_writer"),
    ),
    "grant to PUBLIC": Change(
        "GRANT EXECUTE ON FUNCTION broadcast.create_broadcast_rows() TO PUBLIC",
        *("grant", f"on FUNCTION broadcast.{CREATE}() to PUBLIC"),
    ),
    "grant of the quarantine": Change(
        "GRANT DELETE ON broadcast.quarantine TO PUBLIC",
        *("grant", "on TABLE broadcast.quarantine to PUBLIC"),
    ),
    "changed view": Change(
        "CREATE OR REPLACE VIEW broadcast.rule_parts AS SELECT ''::text AS part, true AS in_force",
        *("view body", "rule_parts"),
    ),
    "dropped view": Change("DROP VIEW broadcast.rule_parts", "relation", "rule_parts"),
    "dropped comment": Change(
        f"COMMENT ON TRIGGER {CREATE} ON main_clients_database IS NULL", "comment", f"trigger {CREATE}"
    ),
    "dropped column of the quarantine": Change(
        "ALTER TABLE broadcast.quarantine DROP COLUMN broadcast_id",
        *("column", "quarantine.broadcast_id"),
    ),
    "added column of the quarantine": Change(
        "ALTER TABLE broadcast.quarantine ADD COLUMN note text",
        *("column", "quarantine.note"),
    ),
    "dropped check of the quarantine": Change(
        "ALTER TABLE broadcast.quarantine DROP CONSTRAINT quarantine_reason_check",
        *("constraint", "quarantine.quarantine_reason_check"),
    ),
}

FOREIGN = {
    ("trigger", "theirs on broadcast_manager"): "CREATE TRIGGER theirs BEFORE UPDATE ON broadcast_manager"
    " FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ("column", "main_clients_database.theirs"): "ALTER TABLE main_clients_database ADD COLUMN theirs text",
    ("index", "broadcast_manager.theirs"): "CREATE INDEX theirs ON broadcast_manager (last_sent_time)",
    ("policy", "broadcast_manager.theirs"): "CREATE POLICY theirs ON broadcast_manager USING (true)",
    ("constraint", "registered_users.theirs"): "ALTER TABLE registered_users ADD CONSTRAINT theirs"
    " CHECK (username <> '')",
    ("grant", "on TABLE public.registered_users to PUBLIC"): "GRANT SELECT ON registered_users TO PUBLIC",
}


class Doctor:
    """The command line's doctor and verify, as one role."""

    def __init__(self, role: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._role, self._monkeypatch = role, monkeypatch

    def run(self, url: str, *arguments: str) -> Result:
        as_role = databases.at(url, databases.name_of(url), self._role, PASSWORD)
        self._monkeypatch.setenv("DATABASE_URL", as_role)
        return CliRunner().invoke(app, arguments)

    def findings(self, url: str) -> dict[str, list[dict[str, Any]]]:
        result = self.run(url, "doctor", "--json")
        found: dict[str, list[dict[str, Any]]] = json.loads(result.stdout)
        assert result.exit_code == (1 if found["drift"] else 0)
        return found


@pytest.fixture
def doctor(watcher: str, monkeypatch: pytest.MonkeyPatch) -> Doctor:
    return Doctor(watcher, monkeypatch)


def test_clean_database_has_no_drift(doctor: Doctor, database: str) -> None:
    result = doctor.run(database, "doctor")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "No drift" in result.stdout
    assert doctor.findings(database)["drift"] == []


def test_adopted_database_has_no_drift(doctor: Doctor, old_database: str) -> None:
    builds.fill_old_database(old_database)
    databases.upgrade(old_database)
    assert doctor.run(old_database, "doctor").exit_code == 0


def test_role_that_looks_can_not_change_or_read(watcher: str, database: str) -> None:
    with databases.connect(databases.at(database, databases.name_of(database), watcher, PASSWORD)) as conn:
        row = conn.execute(
            "SELECT has_table_privilege('broadcast_manager', 'SELECT'), has_table_privilege('broadcast_manager',"
            " 'UPDATE'), has_schema_privilege('public', 'CREATE')"
        ).fetchone()
    assert row == (False, False, False)


def test_role_without_usage_of_the_schema_can_look(
    doctor: Doctor, database: str, superuser: Callable[[str], str]
) -> None:
    with databases.connect(superuser(database)) as conn:
        conn.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
    assert doctor.findings(database)["drift"] == []


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_drift_is_named(change: Change, doctor: Doctor, database: str, superuser: Callable[[str], str]) -> None:
    with databases.connect(superuser(database) if change.by_superuser else database) as conn:
        conn.execute(change.statements.encode())
    assert (change.kind, change.name) in {(d["kind"], d["name"]) for d in doctor.findings(database)["drift"]}


def test_drift_is_named_to_people(doctor: Doctor, database: str) -> None:
    with databases.connect(database) as conn:
        conn.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
    result = doctor.run(database, "doctor")
    assert result.exit_code == 1
    for word in ("trigger", "enabled O", "enabled D"):
        assert word in result.stdout


@pytest.mark.parametrize(("fact", "statement"), FOREIGN.items(), ids=[kind for kind, _ in FOREIGN])
def test_foreign_object_is_information_and_no_drift(
    fact: tuple[str, str], statement: str, doctor: Doctor, database: str
) -> None:
    with databases.connect(database) as conn:
        conn.execute(statement.encode())
    found = doctor.findings(database)
    assert found["drift"] == []
    assert fact in {(f["kind"], f["name"]) for f in found["other"]}


@pytest.mark.parametrize("state", ["empty", "existing"])
def test_database_without_the_rule_is_told_as_such(
    state: str, doctor: Doctor, empty_database: str, old_database: str
) -> None:
    result = doctor.run(empty_database if state == "empty" else old_database, "doctor")
    assert result.exit_code == 1
    assert "not installed" in result.stdout
    assert "Traceback" not in result.output


def test_reader_can_verify(verifier: str, monkeypatch: pytest.MonkeyPatch, database: str) -> None:
    result = Doctor(verifier, monkeypatch).run(database, "verify")
    assert (result.exit_code, result.stderr) == (0, "")


def test_role_that_may_not_read_is_told(doctor: Doctor, database: str) -> None:
    result = doctor.run(database, "verify")
    assert result.exit_code == 2
    assert "permission denied" in result.stderr
