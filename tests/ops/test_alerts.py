"""The alerts: tried by promtool, and each with its entry in the runbook."""

import re
import subprocess
from collections.abc import Callable
from typing import Any

import yaml

from tests.delivery.broadcasts import Conn, add_broadcast, row
from tests.delivery.calls import claim
from tools.databases import ROOT, add_channel, add_user, connect

RULES = ROOT / "ops" / "prometheus" / "rules.yml"
RUNBOOK = ROOT / "docs" / "runbook.md"


def rules() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    return found


def test_alerts_are_told_when_they_should_be_and_not_else(program: Callable[[str], str]) -> None:
    command = [program("promtool"), "test", "rules", str(RULES.with_name("rules_test.yml"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_configuration(program: Callable[[str], str]) -> None:
    command = [program("promtool"), "check", "config", str(RULES.with_name("prometheus.yml"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_is_tried() -> None:
    tried = yaml.safe_load(RULES.with_name("rules_test.yml").read_text())["tests"]
    told = {case["alertname"] for test in tried for case in test["alert_rule_test"] if case.get("exp_alerts")}
    assert sorted(told) == sorted(rule["alert"] for rule in rules())


def test_each_alert_says_what_to_do_and_has_its_entry_in_the_runbook() -> None:
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")
    entries = re.split(r"^## ", RUNBOOK.read_text(), flags=re.MULTILINE)[1:]
    assert sorted(entry.split("\n")[0] for entry in entries) == sorted(rule["alert"] for rule in rules())
    for entry in entries:
        assert re.findall(r"^\*\*(\w+)\*\*", entry, re.MULTILINE) == ["Means", "Look", "Mend"], entry[:40]


def sql_of(text: str) -> list[bytes]:
    """Each statement of the blocks of SQL in a text."""
    blocks = re.findall(r"^```sql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [statement.encode() for block in blocks for statement in block.split(";\n") if statement.strip()]


def mend(conn: Conn, alert: str) -> None:
    """Do what the runbook's entry says in SQL."""
    entry = re.split(r"^## ", RUNBOOK.read_text().partition(f"\n## {alert}\n")[2], flags=re.MULTILINE)[0]
    statements = sql_of(entry.partition("\n**Mend**")[2])
    assert statements
    for statement in statements:
        conn.execute(statement)


def test_the_runbooks_sql_runs(database: str) -> None:
    with connect(database) as conn:
        for statement in sql_of(RUNBOOK.read_text()):
            conn.execute(statement)


def test_the_remedies_mend(database: str, superuser: Callable[[str], str]) -> None:
    with connect(database) as conn, connect(superuser(database)) as root:
        held, off = add_broadcast(conn), add_broadcast(conn, due=False)
        root.execute("SET session_replication_role = replica")
        add_channel(root, add_user(root))
        root.execute("UPDATE broadcast_manager SET client_id = %s WHERE id = %s", [add_user(conn), off.id])
        conn.execute("ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows")
        found = conn.execute("SELECT DISTINCT check_name FROM broadcast.integrity_violations ORDER BY 1").fetchall()
        assert found == [("channel_without_broadcast",), ("owner_mismatch",), ("trigger_disabled",)]
        mend(conn, "BroadcastRuleNotInForce")
        mend(conn, "BroadcastRuleViolated")
        assert conn.execute("SELECT violations FROM broadcast.integrity_check").fetchone() == ({},)

        assert len(claim(conn, count=1)) == 1
        conn.execute("UPDATE broadcast.deliveries SET lease_until = now() - interval '1 s'")
        mend(conn, "BroadcastClaimsExpired")
        assert row(conn, held)["state"] == "queued"

        conn.execute("UPDATE broadcast_manager SET last_error_time = now()")
        conn.execute(
            "SELECT broadcast.switch_off(%s, 'failures'), broadcast.switch_off(%s, 'owner')", [off.id, held.id]
        )
        mend(conn, "BroadcastsSwitchedOff")
        assert (row(conn, off)["is_active"], row(conn, held)["is_active"]) == (True, False)
