"""Calls every function and procedure of the catalogue, and writes to every table that one watches, with made-up values.

Each call is taken back afterwards, but for procedures, which commit: before those the tables are filled anew.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from tests.fuzz import values
from tests.fuzz.values import BROADCASTS, CHANNEL, CLIENTS, NEW_PAIR, PAIRS, WORKER
from tools import databases

Connection = psycopg.Connection[tuple[Any, ...]]

# Of class 22, but it tells nobody which argument is wrong.
_UNCLEAR = {"22012": "division by zero"}
# Beside the classes 22, 23 and BM: by its limits of depth and size PostgreSQL refuses what no function could take.
_LIMITS = {"54000", "54001"}
# And what a function refuses for a reason of its own.
_BESIDE = {
    # Locks on what is not the caller's (42501) or cannot be locked (42809) are refused by PostgreSQL's own words.
    "lock_without_queueing": {"42501", "42809"},
}

_FUNCTIONS: LiteralString = """
SELECT p.proname, p.prokind = 'p', p.prorettype = 'trigger'::regtype, p.provariadic <> 0,
    ARRAY(
        SELECT format_type(a.type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n) ORDER BY a.n
    ),
    ARRAY(
        SELECT format('%I.%I', t.typnamespace::regnamespace, t.typname)
        FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n)
        INNER JOIN pg_type AS t ON a.type = t.oid
        ORDER BY a.n
    ),
    ARRAY(
        SELECT a.name FROM unnest(p.proargnames) WITH ORDINALITY AS a (name, n)
        WHERE p.proargmodes IS NULL OR p.proargmodes[a.n] IN ('i', 'b', 'v') ORDER BY a.n
    )
FROM pg_proc AS p
WHERE p.pronamespace = 'broadcast'::regnamespace
ORDER BY p.proname, p.oid
"""
_ROWS: LiteralString = """
SELECT format_type(c.reltype, NULL),
    (
        SELECT jsonb_object_agg(a.attname, format_type(a.atttypid, NULL)) FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    )
FROM pg_class AS c
WHERE c.relnamespace IN ('public'::regnamespace, 'broadcast'::regnamespace) AND c.relkind IN ('r', 'v', 'c')
"""
_WATCHED: LiteralString = """
SELECT DISTINCT format_type(c.reltype, NULL), p.proname
FROM pg_trigger AS t
INNER JOIN pg_class AS c ON t.tgrelid = c.oid
INNER JOIN pg_proc AS p ON t.tgfoid = p.oid
WHERE p.pronamespace = 'broadcast'::regnamespace
"""
# Damage may turn into damage of another kind, but touches no further pair.
VIOLATIONS: LiteralString = "SELECT DISTINCT open_channel_id, closed_channel_id FROM broadcast.integrity_violations"
_NOT_FINITE: LiteralString = (
    "SELECT count(*) FROM public.main_clients_database"
    " WHERE 'NaN' IN (sub_1_price, sub_2_price, sub_3_price, payout_threshold_usd)"
)
CONTENT: LiteralString = (
    "SELECT CAST(t AS text) FROM public.main_clients_database AS t"
    " UNION ALL SELECT CAST(t AS text) FROM public.broadcast_manager AS t ORDER BY 1"
)

# What a database can look like after somebody has bypassed the rule; done by a superuser.
_DAMAGE: dict[str, LiteralString] = {
    "none": "SELECT",
    "a row is missing": "DELETE FROM public.broadcast_manager WHERE id = '00000000-0000-0000-0000-00000000000b'",
    "all rows are missing": "DELETE FROM public.broadcast_manager",
    "a channel is missing": "DELETE FROM public.main_clients_database WHERE open_channel_id = '-1004000000000'",
    "an owner is wrong": "UPDATE public.broadcast_manager SET client_id = '00000003-0000-0000-0000-000000000000'",
    "a pair is wrong": "UPDATE public.broadcast_manager SET closed_channel_id = '-1005999999999'"
    " WHERE open_channel_id = '-1004000000001'",
}
# Rows may hold anything that their constraints allow; keys stay, so that arguments find them.
_EXTREME = ("public.broadcast_manager", "broadcast.settings")
_KEYS = {"id", "client_id", "open_channel_id", "closed_channel_id", "is_only_row"}


_RECORD = sql.SQL("pg_catalog.jsonb_populate_record(CAST(NULL AS {}), CAST(%s AS pg_catalog.jsonb))")


class Raw(bytes):
    """Text as these bytes, whatever they are."""


class _RawDumper(Dumper):
    format = Format.BINARY
    oid = 25

    def dump(self, obj: Any) -> bytes:
        return bytes(obj)


@dataclass(frozen=True)
class Function:
    """One line of the catalogue: types (as people write them, and with their schemas) and names of what goes in."""

    name: str
    is_procedure: bool
    is_trigger: bool
    is_variadic: bool
    types: list[str]
    qualified_types: list[str]
    names: list[str]


@dataclass
class Fuzz:
    """A database that is fuzzed: connections, what is there, and how often which call ended how.

    Args:
        url: as the tables' owner, empty and upgraded.
        superuser_url: the same database as a superuser.
        search_path: of whoever calls.
    """

    url: str
    superuser_url: str
    search_path: str = "pg_catalog"
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.conn = databases.connect(self.superuser_url)
        self.owner = databases.connect(self.url)
        for conn in (self.conn, self.owner):
            conn.adapters.register_dumper(Raw, _RawDumper)
            # A call that takes this long hangs.
            conn.execute("SET statement_timeout = '20 s'")
            conn.execute("SET client_min_messages = error")
            # So that the catalogue names types of ours with their schema.
            conn.execute("SET search_path = pg_catalog")
        self.owner.execute(b"SET search_path = " + self.search_path.encode())
        self.look_up()
        self.fill()

    def look_up(self) -> None:
        """Read the catalogue."""
        self.functions = [Function(*row) for row in self.conn.execute(_FUNCTIONS)]
        self.rows: dict[str, dict[str, str]] = dict(self.conn.execute(_ROWS).fetchall())
        self.watched: dict[str, set[str]] = {}
        for table, function in self.conn.execute(_WATCHED):
            self.watched.setdefault(table, set()).add(function)

    def close(self) -> None:
        """Close both connections."""
        self.conn.close()
        self.owner.close()

    @property
    def ids(self) -> dict[str, Any]:
        """A row's id in each watched table."""
        return {"public.main_clients_database": 1, "public.broadcast_manager": UUID(BROADCASTS[0])}

    def fill(self) -> None:
        """Make the tables what they were at the beginning: six channels of two clients, deliveries in every state."""
        with self.conn.transaction():
            self.conn.execute("SET LOCAL broadcast_manager.allow_truncate = 'on'")
            self.conn.execute(
                "TRUNCATE public.registered_users, broadcast.deliveries, broadcast.watchers,"
                " broadcast.quarantine RESTART IDENTITY CASCADE"
            )
            for client in CLIENTS:
                databases.add_user(self.conn, UUID(client))
            for number, (pair, broadcast) in enumerate(zip(PAIRS, BROADCASTS, strict=True)):
                databases.add_channel(self.conn, UUID(CLIENTS[number % 2]), *pair)
                self.conn.execute(
                    "UPDATE public.broadcast_manager SET id = %s WHERE open_channel_id = %s", [broadcast, pair[0]]
                )
            self.conn.execute("INSERT INTO broadcast.watchers SELECT user_id, 'infinity' FROM public.registered_users")
            self.conn.execute("INSERT INTO broadcast.operators VALUES (%s)", [CLIENTS[0]])
            # The first is claimed with a part that is about to be sent, the second was sent, the third has expired.
            self.conn.execute("SELECT broadcast.claim_due_broadcasts(%s, 3)", [WORKER])
            for delivery, part, outcome in (
                (1, "open", None),
                (2, "open", "sent"),
                (2, "closed", "sent"),
                (3, "open", "failed"),
            ):
                self.conn.execute("SELECT broadcast.intend_part(%s, %s, %s)", [delivery, WORKER, part])
                if outcome:
                    message = 100 if outcome == "sent" else None
                    self.conn.execute(
                        "SELECT broadcast.record_part(%s, %s, 1, %s, %s)", [delivery, part, outcome, message]
                    )
            self.conn.execute("SELECT broadcast.finish_broadcast(2, %s)", [WORKER])
            self.conn.execute("UPDATE broadcast.deliveries SET lease_until = '-infinity' WHERE id = 3")

    def run(self, examples: int, chosen_seed: int) -> list[str]:
        """Make so many calls of each function and writes to each watched table.

        Returns:
            What went wrong, the shortest call of each kind; empty when nothing did.

        Raises:
            NoStrategy: a function takes something for which there is none.
            KeyError: a trigger watches a table of which values.py does not know a row.
        """
        wrong: list[str] = []
        for function in self.functions:
            if function.is_trigger:
                assert any(function.name in names for names in self.watched.values()), (
                    f"{function.name} is no trigger's"
                )
                continue
            arguments = st.tuples(
                *(values.values(t, n, self.rows) for t, n in zip(function.types, function.names, strict=True))
            )
            call = self._procedure if function.is_procedure else self._function
            # Procedures write for good, and what they find is made anew each time.
            count = max(examples // 4, 1) if function.is_procedure else examples
            wrong += self._explore(call, function, arguments, count, chosen_seed)
            if function.is_procedure:
                self.fill()
        for table in self.watched:
            row = _new_row(table)
            columns = values.changes(self.rows[table], self.rows)
            actions = st.tuples(st.sampled_from(["INSERT", "UPDATE", "DELETE", "TRUNCATE"]), columns)
            wrong += self._explore(lambda t, _, a, r=row: self._write(t, r, *a), table, actions, examples, chosen_seed)
        return wrong

    def _explore(
        self, call: Callable[..., None], what: Any, strategy: st.SearchStrategy[Any], examples: int, chosen_seed: int
    ) -> list[str]:
        around = st.fixed_dictionaries(
            {
                "damage": st.one_of(st.just("none"), st.just("none"), st.sampled_from(sorted(_DAMAGE))),
                "extreme": st.one_of(
                    st.just({}),
                    st.fixed_dictionaries(
                        {
                            table: values.changes(
                                {c: t for c, t in self.rows[table].items() if c not in _KEYS}, self.rows
                            )
                            for table in _EXTREME
                        }
                    ),
                ),
            }
        )

        @seed(chosen_seed)
        @exploration(examples)
        @given(around, strategy)
        def check(before: dict[str, Any], arguments: Any) -> None:
            call(what, before, arguments)

        try:
            check()
        except AssertionError as error:
            return ["\n".join([str(error), *getattr(error, "__notes__", [])])]
        return []

    def _function(self, function: Function, before: dict[str, Any], arguments: tuple[str | None, ...]) -> None:
        with self.conn.transaction(force_rollback=True):
            self._prepare(before)
            # Without damage there is none: that much time is saved.
            found = self.conn.execute(VIOLATIONS).fetchall() if before["damage"] != "none" else []
            prices = self.conn.execute(_NOT_FINITE).fetchall()
            if not self._are_of_their_types(function, arguments):
                return
            statement = sql.SQL("SELECT CAST(broadcast.{}({}) AS pg_catalog.text)").format(
                sql.Identifier(function.name), _placeholders(function)
            )
            try:
                self._call(statement, _raw(arguments))
            except psycopg.Error as error:
                self._judge(function.name, error, arguments)
                return
            left = set(self.conn.execute(VIOLATIONS).fetchall())
            assert left <= set(found), f"{function.name}{arguments} damaged {left - set(found)}"
            now = self.conn.execute(_NOT_FINITE).fetchall()
            assert now == prices, f"{function.name}{arguments} stored a price that is no number"
        self.outcomes[function.name, "ok"] += 1

    def _procedure(self, function: Function, before: dict[str, Any], arguments: tuple[str | None, ...]) -> None:
        self.fill()
        with self.conn.transaction():
            self._prepare({**before, "extreme": {}})
            if not self._are_of_their_types(function, arguments):
                return
        content = self.conn.execute(CONTENT).fetchall()
        violations = self.conn.execute(VIOLATIONS).fetchall()
        try:
            statement = sql.SQL("CALL broadcast.{}({})")
            self.owner.execute(
                statement.format(sql.Identifier(function.name), _placeholders(function)), _raw(arguments)
            )
        except psycopg.Error as error:
            self._judge(function.name, error, arguments)
            assert self.conn.execute(CONTENT).fetchall() == content, f"{function.name}{arguments}: half done"
            return
        assert set(self.conn.execute(VIOLATIONS).fetchall()) <= set(violations), f"{function.name}{arguments}"
        self.outcomes[function.name, "ok"] += 1

    def _write(self, table: str, row: dict[str, Any], action: str, changed: dict[str, Any]) -> None:
        name, what = sql.Identifier(*table.split(".")), f"{action} {table}"
        record = _RECORD.format(name)
        parameters: list[Any] = []
        if action == "INSERT":
            statement = sql.SQL("INSERT INTO {} SELECT r.* FROM {} AS r").format(name, record)
            parameters = [_raw_text(json.dumps(row | changed))]
        elif action == "UPDATE" and changed:
            columns = sql.SQL(", ").join(map(sql.Identifier, changed))
            statement = sql.SQL(
                "UPDATE {} SET ({}) = ROW({}) FROM {} AS new WHERE {}.id OPERATOR(pg_catalog.=) %s"
            ).format(name, columns, sql.SQL(", ").join(sql.Identifier("new", c) for c in changed), record, name)
            parameters = [_raw_text(json.dumps(changed)), self.ids[table]]
        else:
            statement = sql.SQL("TRUNCATE {} CASCADE" if action == "TRUNCATE" else "DELETE FROM {}").format(name)
        with self.conn.transaction(force_rollback=True):
            self._prepare({})
            if action == "INSERT" and table != "public.main_clients_database":
                # As an older writer: the channel first, its row after it.
                databases.add_channel(self.conn, UUID(CLIENTS[0]), *NEW_PAIR)
            try:
                self._call(statement, parameters)
            except psycopg.Error as error:
                self._judge(what, error, changed)
                return
            assert self.conn.execute(VIOLATIONS).fetchall() == [], f"{what} with {changed}"
        self.outcomes[what, "ok"] += 1

    def _call(self, statement: sql.Composed, parameters: list[Any]) -> None:
        with self.conn.transaction():
            self.conn.execute(b"SET LOCAL search_path = " + self.search_path.encode())
            self.conn.execute(statement, parameters)
            # Whatever waits for COMMIT speaks here.
            self.conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
            self.conn.execute("SET LOCAL search_path = pg_catalog")

    def _prepare(self, before: dict[str, Any]) -> None:
        """Damage what is to be damaged, write extreme values, and become the owner."""
        if damage := _DAMAGE[before.get("damage", "none")]:
            self.conn.execute("SET LOCAL session_replication_role = replica")
            self.conn.execute(damage)
            self.conn.execute("SET LOCAL session_replication_role = origin")
        for table, changed in before.get("extreme", {}).items():
            if not changed:
                continue
            name = sql.Identifier(*table.split("."))
            try:
                with self.conn.transaction():
                    self.conn.execute(
                        sql.SQL(
                            "UPDATE {} SET ({}) = ROW({})"
                            " FROM jsonb_populate_record(CAST(NULL AS {}), CAST(%s AS jsonb)) AS new"
                        ).format(
                            name,
                            sql.SQL(", ").join(map(sql.Identifier, changed)),
                            sql.SQL(", ").join(sql.Identifier("new", column) for column in changed),
                            name,
                        ),
                        [_raw_text(json.dumps(changed))],
                    )
            except (psycopg.DataError, psycopg.IntegrityError, psycopg.OperationalError):
                self.outcomes[f"extreme values of {table}", "refused"] += 1
            else:
                self.outcomes[f"extreme values of {table}", "ok"] += 1
        self.conn.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(databases.OWNER)))

    def _are_of_their_types(self, function: Function, arguments: tuple[str | None, ...]) -> bool:
        """Whether PostgreSQL reads the texts as the types; what its own input functions refuse is not ours."""
        if not arguments:
            return True
        try:
            with self.conn.transaction():
                self.conn.execute(sql.SQL("SELECT {}").format(_placeholders(function, call=False)), _raw(arguments))
        except psycopg.Error as error:
            state = error.sqlstate or "no code"
            # The regclass of what is not there (42P01, 3F000), or has no name (42602).
            if state[:2] not in ("22", "54") and state not in ("42P01", "3F000", "42602"):
                raise AssertionError(f"{function.name}{arguments}: {state} {error}") from error
            self.outcomes[function.name, "not of its type"] += 1
            return False
        return True

    def _judge(self, name: str, error: psycopg.Error, arguments: object) -> None:
        state = error.sqlstate or "no code"
        clear = (state[:2] in ("22", "23", "BM") and state not in _UNCLEAR) or state in _LIMITS
        assert clear or state in _BESIDE.get(name, set()), f"{name}: {state} {error}\n{arguments!r:.2000}"
        self.outcomes[name, state] += 1


def exploration(examples: int) -> settings:
    """So many examples, chosen by the seed alone, the shortest failure of each told once."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        # Where CI is set, hypothesis would take the same examples every time, whatever the seed.
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        print_blob=False,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )


def report(outcomes: Counter[tuple[str, str]]) -> str:
    """How often which call ended how, one line for each function or command."""
    lines = []
    for name in sorted({name for name, _ in outcomes}):
        ends = [f"{count} {end}" for (what, end), count in outcomes.most_common() if what == name]
        lines.append(f"{name}: {', '.join(ends)}")
    return "\n".join(lines)


def _placeholders(function: Function, *, call: bool = True) -> sql.Composed:
    parts = []
    for number, (type_name, qualified) in enumerate(zip(function.types, function.qualified_types, strict=True)):
        is_row = type_name.startswith("public.") and not type_name.endswith("[]")
        part = (_RECORD if is_row else sql.SQL("CAST(%s AS {})")).format(sql.SQL(qualified))
        is_last = number == len(function.types) - 1
        parts.append(sql.SQL("VARIADIC {}").format(part) if call and function.is_variadic and is_last else part)
    return sql.SQL(", ").join(parts)


def _raw(arguments: tuple[str | None, ...]) -> list[Raw | None]:
    return [None if argument is None else _raw_text(argument) for argument in arguments]


def _raw_text(text: str) -> Raw:
    return Raw(text.encode("utf-8", "surrogatepass"))


def _new_row(table: str) -> dict[str, Any]:
    """A row that can be inserted."""
    pair = dict(zip(("open_channel_id", "closed_channel_id"), NEW_PAIR, strict=True))
    return {
        "public.main_clients_database": CHANNEL
        | {"id": 1000, "client_id": CLIENTS[0], "payout_strategy": "instant", "notification_status": False}
        | {"updated_at": "now"},
        "public.broadcast_manager": pair | {"id": BROADCASTS[0][:-2] + "ff", "client_id": CLIENTS[0]},
    }[table]
