"""Who may do what: role by object by action, read from the catalogue; what is not written down here is refused."""

import psycopg
import pytest

from tools.databases import OWNER, connect

READER = "broadcast_reader"
CHANNEL_WRITER = "broadcast_channel_writer"
API = "broadcast_api"
WORKER = "broadcast_worker"
ROLES = (READER, CHANNEL_WRITER, API, WORKER)

ALLOWED = {
    READER: {
        "broadcast": {"USAGE"},
        "broadcast.integrity_violations": {"SELECT"},
        "broadcast.find_integrity_violations()": {"EXECUTE"},
        "broadcast.metrics()": {"EXECUTE"},
        "broadcast.health()": {"EXECUTE"},
        "broadcast.check_integrity(interval)": {"EXECUTE"},
    },
    CHANNEL_WRITER: {
        "main_clients_database": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "main_clients_database_id_seq": {"USAGE"},
    },
    API: {
        "broadcast": {"USAGE"},
        "broadcast.rule_parts": {"SELECT"},
        "broadcast.integrity_counts()": {"EXECUTE"},
        "broadcast.metrics()": {"EXECUTE"},
        "broadcast.password_hash_of(text)": {"EXECUTE"},
        "broadcast.user_of_id(uuid)": {"EXECUTE"},
        "broadcast.record_login(uuid)": {"EXECUTE"},
        "broadcast.client_channels(uuid,text,text[],text[])": {"EXECUTE"},
        "broadcast.channel_page(uuid,text,text,text,text[],text[],text,text,integer)": {"EXECUTE"},
        "broadcast.currency_network_mappings()": {"EXECUTE"},
        "broadcast.own_channel(uuid,text,text)": {"EXECUTE"},
        "broadcast.register_channel(uuid,text,jsonb)": {"EXECUTE"},
        "broadcast.update_channel(uuid,text,text,jsonb)": {"EXECUTE"},
        "broadcast.delete_channel(uuid,text,text)": {"EXECUTE"},
        "broadcast.client_broadcast(uuid,uuid)": {"EXECUTE"},
        "broadcast.request_broadcast(uuid,uuid)": {"EXECUTE"},
        "broadcast.reactivate_broadcast(uuid,uuid,boolean)": {"EXECUTE"},
        "broadcast.pause_broadcast(uuid,uuid)": {"EXECUTE"},
        "broadcast.skip_broadcast(uuid,uuid)": {"EXECUTE"},
        "broadcast.set_schedule(uuid,uuid,jsonb)": {"EXECUTE"},
        "broadcast.time_zones()": {"EXECUTE"},
        "broadcast.client_deliveries(uuid,uuid,text,bigint,integer)": {"EXECUTE"},
        "broadcast.last_deliveries(uuid,uuid[])": {"EXECUTE"},
        "broadcast.client_notices(uuid)": {"EXECUTE"},
        "broadcast.dismiss_notice(bigint,uuid)": {"EXECUTE"},
        "broadcast.watch_client(uuid)": {"EXECUTE"},
        "broadcast.broadcasts_by_state()": {"EXECUTE"},
        "broadcast.sending()": {"EXECUTE"},
        "broadcast.health()": {"EXECUTE"},
        "broadcast.operator_tries_rule(uuid)": {"EXECUTE"},
        "broadcast.recent_failures(uuid,integer)": {"EXECUTE"},
        "broadcast.first_integrity_violations(uuid,integer)": {"EXECUTE"},
        "broadcast.check_integrity(interval)": {"EXECUTE"},
    },
    WORKER: {
        "broadcast": {"USAGE"},
        "broadcast.metrics()": {"EXECUTE"},
        "broadcast.check_integrity(interval)": {"EXECUTE"},
        "broadcast.sending()": {"EXECUTE"},
        "broadcast.worker_looks(text,text,text,integer,interval)": {"EXECUTE"},
        "broadcast.worker_stops(text)": {"EXECUTE"},
        "broadcast.note_foreign_marks()": {"EXECUTE"},
        "broadcast.claim_due_broadcasts(text,integer)": {"EXECUTE"},
        "broadcast.set_aside_unclaimable()": {"EXECUTE"},
        "broadcast.next_step(bigint,text,text,integer,text,bigint,text,text,interval,jsonb)": {"EXECUTE"},
        "broadcast.record_part(bigint,text,integer,text,bigint,text,text,interval)": {"EXECUTE"},
        "broadcast.is_still_claimed(bigint,text,double precision)": {"EXECUTE"},
        "broadcast.finish_broadcast(bigint,text)": {"EXECUTE"},
        "broadcast.set_aside(bigint,text,text)": {"EXECUTE"},
        "broadcast.release_expired_claims()": {"EXECUTE"},
        "broadcast.forget_old_deliveries()": {"EXECUTE"},
    },
}

# Every action on every object of the two schemas, and on columns where one is granted by itself.
_CELLS = """
SELECT c.oid::regclass::text, p.action, has_table_privilege(%(role)s, c.oid, p.action)
    OR (p.action <> 'DELETE' AND p.action <> 'TRUNCATE' AND p.action <> 'TRIGGER'
        AND has_any_column_privilege(%(role)s, c.oid, p.action))
FROM pg_class AS c
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (action)
WHERE c.relnamespace IN ('public'::regnamespace, 'broadcast'::regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
UNION ALL
SELECT c.oid::regclass::text, p.action, has_sequence_privilege(%(role)s, c.oid, p.action)
FROM pg_class AS c
CROSS JOIN unnest(ARRAY['SELECT', 'USAGE', 'UPDATE']) AS p (action)
WHERE c.relnamespace IN ('public'::regnamespace, 'broadcast'::regnamespace) AND c.relkind = 'S'
UNION ALL
-- With its parameters: a second function of an allowed name is another one.
SELECT f.oid::regprocedure::text, 'EXECUTE', has_function_privilege(%(role)s, f.oid, 'EXECUTE')
FROM pg_proc AS f
WHERE f.pronamespace IN ('public'::regnamespace, 'broadcast'::regnamespace)
UNION ALL
SELECT p.name, p.action, has_schema_privilege(%(role)s, p.name, p.action)
FROM (VALUES ('broadcast', 'USAGE'), ('broadcast', 'CREATE'), ('public', 'CREATE')) AS p (name, action)
"""


def _matrix(conn: psycopg.Connection[tuple[object, ...]], role: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, action, allowed in conn.execute(_CELLS, {"role": role}).fetchall():
        if allowed:
            found.setdefault(str(name), set()).add(str(action))
    return found


@pytest.mark.parametrize("role", ROLES)
def test_role_may_do_what_it_needs_and_nothing_else(database: str, role: str) -> None:
    with connect(database) as conn:
        assert _matrix(conn, role) == ALLOWED[role]


def test_public_may_do_nothing(server_url: str, database: str) -> None:
    with connect(server_url) as boss:
        boss.execute("CREATE ROLE nobody_in_particular")
        try:
            with connect(database) as conn:
                assert _matrix(conn, "nobody_in_particular") == {}
        finally:
            boss.execute("DROP ROLE nobody_in_particular")


def test_owner_may_do_everything(database: str) -> None:
    with connect(database) as conn:
        assert all(allowed for _, _, allowed in conn.execute(_CELLS, {"role": OWNER}).fetchall())


def test_roles_can_not_log_in_and_are_members_of_nothing(database: str) -> None:
    with connect(database) as conn:
        found = conn.execute(
            "SELECT r.rolname FROM pg_roles AS r WHERE r.rolname = ANY (%s) AND NOT ("
            " r.rolcanlogin OR r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls"
            " OR EXISTS (SELECT FROM pg_auth_members AS m WHERE m.member = r.oid))",
            [list(ROLES)],
        ).fetchall()
    assert {name for (name,) in found} == set(ROLES)


def test_no_row_level_security_on_the_two_tables(database: str) -> None:
    with connect(database) as conn:
        found = conn.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relrowsecurity"
        ).fetchall()
    assert found == []
