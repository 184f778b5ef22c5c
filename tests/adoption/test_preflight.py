"""What others put on the tables: looked at and tried with the real rows before anything is changed."""

from collections.abc import Callable, Iterator

import pytest

from tests.adoption.states import Conn, add_broadcast, refused, taken
from tests.migrations.builds import revision_named
from tools import databases

FUNCTION = "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$;"
TRIGGER = "CREATE TRIGGER theirs {} EXECUTE FUNCTION theirs();"


def trigger(when: str, body: str) -> str:
    return FUNCTION.format(body) + TRIGGER.format(when)


HIDDEN = {
    "channels, by a policy": "ALTER TABLE main_clients_database ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
    "CREATE POLICY tenant ON main_clients_database"
    " USING (client_id::text = current_setting('app.client', true)) WITH CHECK (true)",
    "broadcast rows, by no policy": "ALTER TABLE broadcast_manager ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "users, by a policy": "ALTER TABLE registered_users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
    "CREATE POLICY active ON registered_users USING (is_active)",
}


@pytest.mark.parametrize("state", HIDDEN.values(), ids=HIDDEN.keys())
def test_rows_that_are_hidden_are_not_taken_for_missing(old_database: str, old: Conn, state: str) -> None:
    add_broadcast(old, databases.add_user(old), databases.add_channel(old, databases.add_user(old)))
    old.execute(state.encode())
    assert "Row level security hides rows of" in refused(old_database)


def test_row_level_security_that_does_not_hide_rows_from_the_owner_is_taken(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE main_clients_database ENABLE ROW LEVEL SECURITY")
    old.execute("CREATE POLICY none ON main_clients_database USING (false)")
    databases.add_channel(old, databases.add_user(old))
    taken(old_database)


RULES = [
    (event, action, table)
    for event, action in [
        ("INSERT", "ALSO INSERT INTO row_log VALUES (new.open_channel_id)"),
        ("UPDATE", "ALSO INSERT INTO row_log VALUES (new.open_channel_id)"),
        ("DELETE", "INSTEAD NOTHING"),
    ]
    for table in ("main_clients_database", "broadcast_manager")
]


@pytest.mark.parametrize(("event", "action", "table"), RULES)
def test_rule_is_refused_with_its_name(old_database: str, old: Conn, event: str, action: str, table: str) -> None:
    old.execute("CREATE TABLE row_log (pair text)")
    old.execute(f"CREATE RULE log_rows AS ON {event} TO {table} DO {action}".encode())
    assert f"DROP RULE log_rows ON {table}" in refused(old_database)


STRICTER = {
    "soft deletion": (trigger("BEFORE DELETE ON broadcast_manager FOR EACH ROW", "RETURN NULL;"), "a trigger keeps"),
    "soft deletion that marks": (
        trigger(
            "BEFORE DELETE ON broadcast_manager FOR EACH ROW",
            "UPDATE public.broadcast_manager SET is_active = false WHERE id = old.id; RETURN NULL;",
        ),
        "a trigger keeps",
    ),
    "trigger that swallows some rows": (
        trigger(
            "BEFORE INSERT ON broadcast_manager FOR EACH ROW",
            "RETURN CASE WHEN right(new.open_channel_id, 1) <> '7' THEN new END;",
        ),
        "a trigger swallows 2 of 20",
    ),
    "trigger that takes rows away again": (
        trigger(
            "AFTER INSERT ON broadcast_manager FOR EACH ROW",
            "DELETE FROM public.broadcast_manager WHERE id = new.id; RETURN NULL;",
        ),
        "a trigger takes away or changes 20 of 20",
    ),
    "trigger that normalises pairs": (
        trigger(
            "BEFORE INSERT OR UPDATE ON broadcast_manager FOR EACH ROW",
            "new.open_channel_id := ltrim(new.open_channel_id, '-'); RETURN new;",
        ),
        "a trigger takes away or changes",
    ),
    "trigger that keeps pairs": (
        trigger(
            "BEFORE UPDATE ON broadcast_manager FOR EACH ROW",
            "new.closed_channel_id := old.closed_channel_id; RETURN new;",
        ),
        "The edit of a pair, tried and taken back",
    ),
    "statement trigger that raises on edits": (
        trigger("BEFORE UPDATE ON broadcast_manager FOR EACH STATEMENT", "RAISE 'not today';"),
        "not today",
    ),
    "statement trigger that raises on deletions": (
        trigger("AFTER DELETE ON broadcast_manager FOR EACH STATEMENT", "RAISE 'not today';"),
        "not today",
    ),
    "constraint trigger that is put off": (
        FUNCTION.format("RAISE 'at COMMIT';")
        + "CREATE CONSTRAINT TRIGGER theirs AFTER INSERT ON broadcast_manager DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION theirs();",
        "at COMMIT",
    ),
    "unique open channel": (
        "ALTER TABLE broadcast_manager ADD CONSTRAINT one_row_each UNIQUE (open_channel_id);"
        "UPDATE main_clients_database SET open_channel_id ="
        " (SELECT min(c.open_channel_id) FROM main_clients_database AS c)",
        "one_row_each",
    ),
    "check on ids": (
        "ALTER TABLE broadcast_manager ADD CONSTRAINT version_4 CHECK (substr(id::text, 15, 1) = '4')",
        "constraint version_4",
    ),
    "check that one channel does not pass": (
        "ALTER TABLE broadcast_manager ADD CONSTRAINT no_seven CHECK (right(open_channel_id, 1) <> '7')",
        "constraint no_seven",
    ),
    "exclusion constraint": (
        "ALTER TABLE broadcast_manager ADD CONSTRAINT one_each EXCLUDE USING btree (client_id WITH =)",
        "constraint one_each",
    ),
    "key to a table of others": (
        "CREATE TABLE allowed (id varchar(14) PRIMARY KEY);"
        "ALTER TABLE broadcast_manager ADD CONSTRAINT allowed_only"
        " FOREIGN KEY (open_channel_id) REFERENCES allowed DEFERRABLE INITIALLY DEFERRED NOT VALID",
        "constraint allowed_only",
    ),
    "generated column": (
        "ALTER TABLE broadcast_manager DROP COLUMN total_broadcasts,"
        " ADD COLUMN total_broadcasts integer GENERATED ALWAYS AS (1) STORED",
        "total_broadcasts",
    ),
    "domain": (
        "CREATE DOMAIN channel_id AS text CHECK (VALUE ~ '^-100');"
        "ALTER TABLE broadcast_manager ALTER open_channel_id TYPE channel_id",
        "another type",
    ),
    "AFTER INSERT trigger that trims channels": (
        "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_open_channel_id_check;"
        + trigger(
            "AFTER INSERT ON main_clients_database FOR EACH ROW",
            "UPDATE main_clients_database SET open_channel_id = btrim(open_channel_id)"
            " WHERE id = new.id AND open_channel_id <> btrim(open_channel_id); RETURN NULL;",
        ),
        "make that a BEFORE trigger",
    ),
    "BEFORE UPDATE trigger that moves the row itself": (
        trigger(
            "BEFORE UPDATE ON main_clients_database FOR EACH ROW",
            "UPDATE public.broadcast_manager SET closed_channel_id = new.closed_channel_id"
            " WHERE open_channel_id = old.open_channel_id AND closed_channel_id = old.closed_channel_id; RETURN new;",
        ),
        "A trigger moves the broadcast row of an edited channel before the channel itself: theirs",
    ),
    "BEFORE INSERT trigger that creates the row itself": (
        trigger(
            "BEFORE INSERT ON main_clients_database FOR EACH ROW",
            "INSERT INTO public.broadcast_manager (client_id, open_channel_id, closed_channel_id)"
            " VALUES (new.client_id, new.open_channel_id, new.closed_channel_id); RETURN new;",
        ),
        "A trigger creates the broadcast row before its channel: theirs",
    ),
    "trigger that takes the channel along": (
        trigger(
            "AFTER DELETE ON broadcast_manager FOR EACH ROW",
            "DELETE FROM public.main_clients_database WHERE open_channel_id = old.open_channel_id; RETURN NULL;",
        ),
        "takes its channel along",
    ),
} | {
    f"trigger that does not work within another, on {event}": (
        trigger(
            f"BEFORE {event} ON broadcast_manager FOR EACH STATEMENT",
            "IF pg_trigger_depth() > 1 THEN RAISE 'too deep'; END IF; RETURN NULL;",
        ),
        "too deep (SQLSTATE P0001, in the function public.theirs())",
    )
    for event in ("INSERT", "UPDATE", "DELETE")
}


@pytest.mark.parametrize(("state", "reason"), STRICTER.values(), ids=STRICTER.keys())
def test_what_rows_of_the_rule_do_not_pass_is_refused_by_name(
    old_database: str, old: Conn, state: str, reason: str
) -> None:
    client = databases.add_user(old)
    for number in range(20):
        databases.add_channel(old, client, f"-100{number:09d}", f"-200{number:09d}")
    add_broadcast(old, client, ("-1001", "-1002"))
    old.execute(state.encode())
    message = refused(old_database)
    assert reason in message
    assert "tried and taken back" in message or reason == "another type" or reason.startswith("A trigger ")


OURS = {
    "trigger": (
        trigger("AFTER INSERT ON main_clients_database FOR EACH ROW", "RETURN NULL;")
        + "ALTER TRIGGER theirs ON main_clients_database RENAME TO create_broadcast_rows",
        "ALTER TRIGGER create_broadcast_rows ON main_clients_database RENAME TO",
    ),
    "trigger for dashboards": (
        trigger("AFTER UPDATE ON broadcast_manager FOR EACH ROW", "RETURN NULL;")
        + "ALTER TRIGGER theirs ON broadcast_manager RENAME TO notify_broadcast_update",
        "ALTER TRIGGER notify_broadcast_update ON broadcast_manager RENAME TO",
    ),
    "constraint": (
        "ALTER TABLE main_clients_database ADD CONSTRAINT main_clients_database_pair_fkey CHECK (true)",
        "RENAME CONSTRAINT main_clients_database_pair_fkey TO",
    ),
    "sequence": ("CREATE SEQUENCE broadcast_manager_pair_key", "broadcast_manager_pair_key has a name"),
    "index of another table": (
        "CREATE INDEX broadcast_manager_next_send_time_idx ON registered_users (email)",
        "broadcast_manager_next_send_time_idx has a name",
    ),
}


@pytest.mark.parametrize(("state", "reason"), OURS.values(), ids=OURS.keys())
def test_name_of_ours_that_is_taken_is_refused(old_database: str, old: Conn, state: str, reason: str) -> None:
    old.execute(state.encode())
    assert reason in refused(old_database)


RIGHTS = {
    "on users": ("REVOKE UPDATE ON registered_users FROM {0}", "You may not UPDATE on registered_users"),
    "to delete channels": (
        "REVOKE DELETE ON main_clients_database FROM {0}",
        "You may not DELETE on main_clients_database",
    ),
    "to make triggers": ("REVOKE TRIGGER ON broadcast_manager FROM {0}", "You may not TRIGGER on broadcast_manager"),
    "of some columns only": (
        "REVOKE UPDATE ON broadcast_manager FROM {0}; GRANT UPDATE (broadcast_status) ON broadcast_manager TO {0}",
        "You may not UPDATE on broadcast_manager",
    ),
    "to call its own functions": (
        "ALTER DEFAULT PRIVILEGES FOR ROLE {0} REVOKE ALL ON FUNCTIONS FROM {0}",
        "permission denied for function",
    ),
}


@pytest.mark.parametrize(("state", "reason"), RIGHTS.values(), ids=RIGHTS.keys())
def test_right_that_the_owner_took_away_from_itself_is_named(
    old_database: str, old: Conn, state: str, reason: str
) -> None:
    old.execute(state.format(databases.OWNER).encode())
    assert reason in refused(old_database)


PASSED = {
    "AFTER triggers that did before what the rule does": trigger(
        "AFTER INSERT OR UPDATE ON main_clients_database FOR EACH ROW",
        "UPDATE public.broadcast_manager SET closed_channel_id = new.closed_channel_id WHERE tg_op = 'UPDATE'"
        " AND open_channel_id = old.open_channel_id AND closed_channel_id = old.closed_channel_id;"
        " INSERT INTO public.broadcast_manager (client_id, open_channel_id, closed_channel_id)"
        " VALUES (new.client_id, new.open_channel_id, new.closed_channel_id) ON CONFLICT DO NOTHING; RETURN NULL;",
    ),
    "key to a table that has all channels": "CREATE TABLE allowed (id varchar(14) PRIMARY KEY);"
    "INSERT INTO allowed SELECT DISTINCT open_channel_id FROM main_clients_database;"
    "ALTER TABLE broadcast_manager ADD FOREIGN KEY (open_channel_id) REFERENCES allowed",
    "exclusion constraint on pairs": "ALTER TABLE broadcast_manager"
    " ADD EXCLUDE USING btree (open_channel_id WITH =, closed_channel_id WITH =)",
    "BEFORE trigger that trims channels": trigger(
        "BEFORE INSERT OR UPDATE ON main_clients_database FOR EACH ROW",
        "new.open_channel_id := btrim(new.open_channel_id); RETURN new;",
    ),
    "rule that is disabled": "CREATE RULE off AS ON INSERT TO broadcast_manager DO INSTEAD NOTHING;"
    "ALTER TABLE broadcast_manager DISABLE RULE off",
    "trigger that is disabled": trigger("BEFORE INSERT ON broadcast_manager FOR EACH ROW", "RETURN NULL;")
    + "ALTER TABLE broadcast_manager DISABLE TRIGGER theirs",
}


@pytest.mark.parametrize("state", PASSED.values(), ids=PASSED.keys())
def test_what_rows_of_the_rule_pass_is_taken(old_database: str, old: Conn, state: str) -> None:
    client = databases.add_user(old)
    for _ in range(3):
        databases.add_channel(old, client)
    old.execute(state.encode())
    taken(old_database)


def test_column_that_created_rows_can_not_fill_is_refused_without_a_channel(old_database: str, old: Conn) -> None:
    old.execute("ALTER TABLE broadcast_manager ADD COLUMN sender text NOT NULL")
    assert "column sender" in refused(old_database)


def test_event_trigger_that_stands_in_the_way_is_refused_by_name(
    old_database: str, old: Conn, superuser: Callable[[str], str]
) -> None:
    databases.add_channel(old, databases.add_user(old))
    with databases.connect(superuser(old_database)) as boss:
        boss.execute(
            "CREATE FUNCTION no_index() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no index'; END $$;"
            "CREATE EVENT TRIGGER no_index ON ddl_command_end WHEN TAG IN ('CREATE INDEX')"
            " EXECUTE FUNCTION no_index()"
        )
        message = refused(old_database)
        assert "Event triggers: no_index" in message
        boss.execute("DROP EVENT TRIGGER no_index")
    taken(old_database)


@pytest.fixture
def deputy(old_database: str, superuser: Callable[[str], str]) -> Iterator[str]:
    """The old database as a member of the tables' owner."""
    with databases.connect(superuser(old_database)) as boss:
        boss.execute("DROP ROLE IF EXISTS deputy")
        boss.execute(f"CREATE ROLE deputy LOGIN PASSWORD 'test-only' IN ROLE {databases.OWNER}".encode())
        yield databases.at(old_database, databases.name_of(old_database), "deputy", "test-only")
        boss.execute("DROP OWNED BY deputy; DROP ROLE deputy")


@pytest.mark.parametrize("begun", [None, "rule", "checks"])
def test_member_of_the_owner_is_told_to_connect_as_the_owner(old_database: str, deputy: str, begun: str | None) -> None:
    if begun is not None:
        databases.upgrade(old_database, revision_named(begun))
    message = refused(deputy)
    assert f"belongs to {databases.OWNER}, you are deputy" in message
    joint = "&" if "?" in deputy else "?"
    taken(f"{deputy}{joint}options=-c%20role%3D{databases.OWNER}")


NOTICES = {
    "a key that was deferrable": (
        "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair,"
        " ADD CONSTRAINT later UNIQUE (open_channel_id, closed_channel_id) DEFERRABLE",
        "two channels cannot swap their pairs",
    ),
    "a key of others that points at broadcast rows": (
        "CREATE TABLE row_audit (broadcast_id uuid NOT NULL REFERENCES broadcast_manager (id));"
        + trigger(
            "AFTER INSERT ON broadcast_manager FOR EACH ROW",
            "INSERT INTO public.row_audit (broadcast_id) VALUES (new.id); RETURN NULL;",
        ),
        "row_audit_broadcast_id_fkey of row_audit points at broadcast rows",
    ),
}


@pytest.mark.parametrize(("state", "notice"), NOTICES.values(), ids=NOTICES.keys())
def test_freedom_that_the_rule_takes_away_is_told(
    old_database: str, old: Conn, caplog: pytest.LogCaptureFixture, state: str, notice: str
) -> None:
    databases.add_channel(old, databases.add_user(old))
    old.execute(state.encode())
    caplog.set_level("INFO", "alembic.broadcast_manager")
    taken(old_database)
    assert notice in caplog.text
