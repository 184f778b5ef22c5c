"""Drives real connections with open transactions side by side; after every statement each must agree with the model."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from pyapi import RuleError, insert_channel
from tests.concurrency.load import COLUMNS, INSERT, INSERT_BROADCAST, MARKS, PAIR, REST
from tests.functions.calls import fields
from tests.trust.model import (
    MAX_CHANNELS,
    MAX_FAILURES,
    Broadcast,
    Channel,
    Delivery,
    Id,
    Key,
    OnConflict,
    Pair,
    Part,
    Refused,
    Rows,
    Transaction,
    User,
    rows_of,
)
from tools import databases

SESSIONS = 3
USERS = [UUID(int=n << 80) for n in range(1, 4)]
PAIRS: list[Pair] = [(f"-1001{n:09}", f"-1002{n:09}") for n in range(6)]
# Nothing waits in vain: the machine is one thread, so whoever holds the lock is asleep until this one gives up.
LOCK_TIMEOUT = "10ms"
# What a statement touches that needs a table for itself. An autovacuum may be what it waits for, so it always may.
WHOLE = "the whole table"

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

sessions = st.integers(0, SESSIONS - 1)
users = st.sampled_from(USERS)
pairs = st.sampled_from(PAIRS)
several_pairs = st.lists(pairs, min_size=1, max_size=3, unique=True)
conflicts: st.SearchStrategy[OnConflict] = st.sampled_from(["", "nothing", "update"])
workers = st.sampled_from(["worker-1", "worker-2"])
parts = st.sampled_from(["open", "closed"])
nth = st.sampled_from([0, 0, 0, 1, 2])
# None: the one that has the claim.
somebody = st.sampled_from([None, None, None, "worker-2"])
# How a statement stands in its transaction: guarded by a savepoint or not, and followed by COMMIT or not.
ways = st.sampled_from(["guarded", "guarded", "bare", "guarded+commit", "bare+commit"])

CLAUSES = {
    "": "",
    "nothing": " ON CONFLICT DO NOTHING",
    "update": " ON CONFLICT (open_channel_id, closed_channel_id) DO UPDATE SET updated_at = now()",
}
NAMES = {"": "plain", "nothing": "or nothing", "update": "or update"}
BOTH_ROWS = (
    f"WITH c AS ({INSERT} RETURNING client_id, open_channel_id, closed_channel_id) INSERT INTO broadcast_manager"
    " (client_id, open_channel_id, closed_channel_id) SELECT * FROM c"
)
INSERT_SELECT = (
    f"INSERT INTO main_clients_database ({COLUMNS}) SELECT p.open_id, p.closed_id, {', '.join(['%s'] * 11)}"
    " FROM unnest(%s::text[], %s::text[]) AS p (open_id, closed_id)"
)
MERGE = (
    f"MERGE INTO main_clients_database AS m USING (VALUES %s) AS v ({COLUMNS})"
    " ON m.open_channel_id = v.open_channel_id AND m.closed_channel_id = v.closed_channel_id"
    f" WHEN NOT MATCHED THEN INSERT ({COLUMNS}) VALUES ({', '.join(f'v.{name}' for name in COLUMNS.split(', '))})"
)
OR_UPDATE = " WHEN MATCHED THEN UPDATE SET updated_at = now()"
# What a client may have of its own: a function that inserts, and a view whose trigger does.
OWN_CODE = f"""
CREATE FUNCTION clients_insert(open_id text, closed_id text, owner uuid) RETURNS void LANGUAGE sql AS $$
  INSERT INTO main_clients_database ({COLUMNS}) VALUES (open_id, closed_id, owner, {", ".join(map(repr, REST))})
$$;
CREATE VIEW clients_view AS SELECT open_channel_id, closed_channel_id, client_id FROM main_clients_database;
CREATE FUNCTION clients_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM clients_insert(NEW.open_channel_id, NEW.closed_channel_id, NEW.client_id);
  RETURN NEW;
END $$;
CREATE TRIGGER clients_trigger INSTEAD OF INSERT ON clients_view FOR EACH ROW EXECUTE FUNCTION clients_trigger();
"""
BY_OWN_CODE = {
    "function": "SELECT clients_insert(%s, %s, %s)",
    "trigger": "INSERT INTO clients_view VALUES (%s, %s, %s)",
}
SETTINGS = (
    f"UPDATE broadcast.settings SET max_channels_per_client = {MAX_CHANNELS},"
    f" max_consecutive_failures = {MAX_FAILURES}, claim_lease = '1 day', messages_per_second = NULL,"
    " chat_interval = NULL"
)
# The one thing in an autovacuum that other statements wait for.
NO_VACUUM_TRUNCATE = "; ".join(
    f"ALTER TABLE {table} SET (vacuum_truncate = off)"
    for table in (
        "registered_users",
        "main_clients_database",
        "broadcast_manager",
        "broadcast.deliveries",
        "broadcast.delivery_parts",
    )
)
EMPTY = (
    "DELETE FROM broadcast.deliveries; DELETE FROM broadcast.quarantine; DELETE FROM main_clients_database;"
    " DELETE FROM broadcast_manager; DELETE FROM registered_users"
)
CHANNELS = "SELECT id, open_channel_id, closed_channel_id, client_id FROM main_clients_database"
BROADCASTS = (
    "SELECT id, open_channel_id, closed_channel_id, client_id, broadcast_status, is_active,"
    " last_manual_trigger_time IS NOT NULL, consecutive_failures FROM broadcast_manager"
)
DELIVERIES = (
    "SELECT d.id, d.broadcast_id, d.worker, d.outcome, coalesce(jsonb_agg(jsonb_build_array(p.part, p.attempt,"
    " p.chat_id, p.state, p.error_code) ORDER BY p.part, p.attempt) FILTER (WHERE p.part IS NOT NULL), '[]')"
    " FROM broadcast.deliveries AS d LEFT JOIN broadcast.delivery_parts AS p ON p.delivery_id = d.id GROUP BY d.id"
)
VIOLATIONS = "SELECT check_name, open_channel_id, closed_channel_id FROM broadcast.integrity_violations"


@dataclass
class Run:
    """What is shared by all examples of a run.

    Args:
        url: a database with the rule, as its owner.
        superuser_url: the same database, as a superuser.
    """

    url: str
    superuser_url: str
    steps: int = 0
    began: float = field(default_factory=time.monotonic)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        with databases.connect(self.url) as conn:
            conn.execute(SETTINGS.encode())
            conn.execute(NO_VACUUM_TRUNCATE.encode())
            conn.execute(OWN_CODE.encode())
        self.connections = [self._connect() for _ in range(SESSIONS)]
        self.observer = databases.connect(self.url)
        self.superuser = databases.connect(self.superuser_url)

    def _connect(self) -> Connection:
        conn = databases.connect(self.url, autocommit=False)
        conn.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'".encode())
        conn.commit()
        return conn

    def close(self) -> None:
        """End all connections."""
        for conn in (*self.connections, self.observer, self.superuser):
            conn.close()

    def report(self) -> str:
        """The number of steps, the rate, and how often each operation ended how."""
        seconds = time.monotonic() - self.began
        lines = [f"{self.steps} steps in {seconds:.0f} s, {self.steps / seconds:.0f} a second"]
        lines += [f"{n:9} {name}: {outcome}" for (name, outcome), n in sorted(self.outcomes.items())]
        return "\n".join(lines)


@dataclass
class Session:
    """A connection, and what the model knows of its transaction."""

    conn: Connection
    transaction: Transaction | None = None
    savepoints: list[Rows] = field(default_factory=list)
    touched: set[object] = field(default_factory=set)


class Machine(RuleBasedStateMachine):
    """Three sessions, six pairs, three users."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.shared = run
        self.committed: Rows = {}
        self.known: set[Id] = set()
        self.begun = 0
        self.sessions = [Session(conn) for conn in run.connections]
        # The broadcast_id that a client was told for a pair, until the new rows' ids are learnt.
        self.held: tuple[Pair, object] | None = None

    @initialize()
    def empty(self) -> None:
        """Begin with nothing but the users."""
        conn = self.shared.observer
        with conn.transaction():
            conn.execute(EMPTY.encode())
            for user in USERS:
                databases.add_user(conn, user)
        self.committed.update({Key(User, user): User() for user in USERS})

    def teardown(self) -> None:
        """Leave no transaction open."""
        for session in self.sessions:
            session.conn.rollback()

    # Channels

    @rule(n=sessions, pair=pairs, owner=users, conflict=conflicts, way=ways)
    def insert(self, n: int, pair: Pair, owner: UUID, conflict: OnConflict, way: str) -> None:
        """INSERT of one channel."""
        self.run(
            n,
            f"INSERT {NAMES[conflict]}",
            way,
            lambda conn: conn.execute((INSERT + CLAUSES[conflict]).encode(), (*pair, owner, *REST)).rowcount,
            lambda t, rows: _same(rows, t.insert_channels([pair], owner, conflict) or int(conflict == "update")),
            {owner, pair},
        )

    @rule(n=sessions, many=several_pairs, owner=users, conflict=st.sampled_from(["", "nothing"]), way=ways)
    def insert_several(self, n: int, many: list[Pair], owner: UUID, conflict: OnConflict, way: str) -> None:
        """INSERT of several channels."""
        statement = f"INSERT INTO main_clients_database ({COLUMNS}) VALUES {', '.join([MARKS] * len(many))}"
        values = [value for pair in many for value in (*pair, owner, *REST)]
        self.run(
            n,
            "INSERT of several",
            way,
            lambda conn: conn.execute((statement + CLAUSES[conflict]).encode(), values).rowcount,
            lambda t, rows: _same(rows, t.insert_channels(many, owner, conflict)),
            {owner, *many},
        )

    @rule(n=sessions, many=several_pairs, owner=users, conflict=st.sampled_from(["", "nothing"]), way=ways)
    def insert_select(self, n: int, many: list[Pair], owner: UUID, conflict: OnConflict, way: str) -> None:
        """INSERT … SELECT of several channels."""
        values = [owner, *REST, [pair[0] for pair in many], [pair[1] for pair in many]]
        self.run(
            n,
            "INSERT … SELECT",
            way,
            lambda conn: conn.execute((INSERT_SELECT + CLAUSES[conflict]).encode(), values).rowcount,
            lambda t, rows: _same(rows, t.insert_channels(many, owner, conflict)),
            {owner, *many},
        )

    @rule(n=sessions, many=several_pairs, owner=users, update=st.booleans(), way=ways)
    def merge(self, n: int, many: list[Pair], owner: UUID, update: bool, way: str) -> None:
        """MERGE of several channels: those that are there stay, or get an UPDATE."""
        statement = MERGE % ", ".join([MARKS] * len(many)) + (OR_UPDATE if update else "")
        values = [value for pair in many for value in (*pair, owner, *REST)]

        def expect(t: Transaction, rows: int) -> None:
            there = sum(t.channel(pair) is not None for pair in many)
            _same(rows, t.insert_channels(many, owner, "nothing") + (there if update else 0))

        self.run(
            n,
            "MERGE",
            way,
            lambda conn: conn.execute(statement.encode(), values).rowcount,
            expect,
            {owner, *many},
        )

    @rule(n=sessions, pair=pairs, owner=users, by=st.sampled_from(list(BY_OWN_CODE)), way=ways)
    def insert_by_own_code(self, n: int, pair: Pair, owner: UUID, by: str, way: str) -> None:
        """INSERT of one channel from within a function or a trigger of the client's own."""
        self.run(
            n,
            f"INSERT in a client's {by}",
            way,
            lambda conn: conn.execute(BY_OWN_CODE[by].encode(), (*pair, owner)).rowcount,
            lambda t, rows: _same(rows, t.insert_channels([pair], owner)),
            {owner, pair},
        )

    @rule(n=sessions, many=several_pairs, owner=users, way=ways)
    def copy(self, n: int, many: list[Pair], owner: UUID, way: str) -> None:
        """COPY of several channels."""

        def copy(conn: Connection) -> int:
            with conn.cursor() as cursor:
                with cursor.copy(f"COPY main_clients_database ({COLUMNS}) FROM STDIN".encode()) as lines:
                    for pair in many:
                        lines.write_row((*pair, owner, *REST))
                return cursor.rowcount

        self.run(
            n,
            "COPY",
            way,
            copy,
            lambda t, rows: _same(rows, t.insert_channels(many, owner)),
            {owner, *many},
        )

    @rule(n=sessions, pair=pairs, owner=users, way=ways)
    def insert_both_rows(self, n: int, pair: Pair, owner: UUID, way: str) -> None:
        """A client of old that inserts channel and broadcast row in one statement."""
        self.run(
            n,
            "CTE of both rows",
            way,
            lambda conn: conn.execute(BOTH_ROWS.encode(), (*pair, owner, *REST)).rowcount,
            lambda t, rows: _same(rows, t.insert_channels([pair], owner, own_rows=True)),
            {owner, pair},
        )

    @rule(n=sessions, pair=pairs, owner=users, way=ways)
    def register(self, n: int, pair: Pair, owner: UUID, way: str) -> None:
        """register_channel()."""
        channel = json.dumps(fields(open_channel_id=pair[0], closed_channel_id=pair[1]))
        self.run(
            n,
            "register_channel()",
            way,
            lambda conn: _one(conn, "SELECT broadcast.register_channel(%s, 'machine', %s)", owner, channel),
            lambda t, told: self._told(t, lambda: t.register(pair, owner), pair, told),
            {owner, pair},
        )

    @rule(n=sessions, pair=pairs, owner=users, way=ways)
    def insert_by_pyapi(self, n: int, pair: Pair, owner: UUID, way: str) -> None:
        """pyapi.insert_channel()."""
        channel = databases.new_channel(owner, pair)
        self.run(
            n,
            "pyapi.insert_channel()",
            way,
            lambda conn: insert_channel(conn, channel),
            lambda t, told: self._told(t, lambda: t.insert_channels([pair], owner), pair, told),
            {owner, pair},
        )

    @rule(n=sessions, pair=pairs, new_pair=pairs, owner=st.none() | users, way=ways)
    def update(self, n: int, pair: Pair, new_pair: Pair, owner: UUID | None, way: str) -> None:
        """UPDATE of a channel's pair and owner."""
        statement = (
            "UPDATE main_clients_database SET open_channel_id = %s, closed_channel_id = %s,"
            f" client_id = coalesce(%s, client_id) WHERE {PAIR}"
        )
        self.run(
            n,
            "UPDATE of a channel",
            way,
            lambda conn: conn.execute(statement.encode(), (*new_pair, owner, *pair)).rowcount,
            lambda t, rows: _same(rows, int(t.update_channel(pair, new_pair, owner))),
            {owner, pair, new_pair},
        )

    @rule(n=sessions, pair=pairs, new_pair=pairs, owner=users, way=ways)
    def update_by_function(self, n: int, pair: Pair, new_pair: Pair, owner: UUID, way: str) -> None:
        """update_channel()."""
        changes = json.dumps({"open_channel_id": new_pair[0], "closed_channel_id": new_pair[1]})
        self.run(
            n,
            "update_channel()",
            way,
            lambda conn: _one(conn, "SELECT broadcast.update_channel(%s, %s, %s, %s)", owner, *pair, changes),
            lambda t, told: self._told(t, lambda: t.update_by_function(pair, new_pair, owner), new_pair, told),
            {pair, new_pair},
        )

    @rule(n=sessions, pair=pairs, way=ways)
    def delete(self, n: int, pair: Pair, way: str) -> None:
        """DELETE of a channel."""
        self.run(
            n,
            "DELETE of a channel",
            way,
            lambda conn: conn.execute(f"DELETE FROM main_clients_database WHERE {PAIR}".encode(), pair).rowcount,
            lambda t, rows: _same(rows, int(t.delete_channel(pair))),
            {pair},
        )

    @rule(n=sessions, pair=pairs, owner=users, way=ways)
    def delete_by_function(self, n: int, pair: Pair, owner: UUID, way: str) -> None:
        """delete_channel()."""

        def expect(t: Transaction, told: Any) -> None:
            row = t.broadcast(pair)
            t.delete_by_function(pair, owner)
            _same(told, row[0].id if row else None)

        self.run(
            n,
            "delete_channel()",
            way,
            lambda conn: _one(conn, "SELECT broadcast.delete_channel(%s, %s, %s)", owner, *pair),
            expect,
            {pair},
        )

    # Users

    @rule(n=sessions, user=users, way=ways)
    def delete_user(self, n: int, user: UUID, way: str) -> None:
        """DELETE of an owner."""
        owned = [c.pair for _, c in self._view(n).each(Channel) if c.owner == user]
        self.run(
            n,
            "DELETE of a user",
            way,
            lambda conn: conn.execute("DELETE FROM registered_users WHERE user_id = %s", [user]),
            lambda t, _: t.delete_user(user),
            {user, *owned},
        )

    @rule(n=sessions, user=users, way=ways)
    def add_user(self, n: int, user: UUID, way: str) -> None:
        """INSERT of an owner."""
        self.run(
            n,
            "INSERT of a user",
            way,
            lambda conn: databases.add_user(conn, user),
            lambda t, _: t.add_user(user),
            {user},
        )

    # broadcast_manager, by a client's own hand

    @rule(n=sessions, pair=pairs, owner=st.none() | users, conflict=conflicts, way=ways)
    def insert_broadcast(self, n: int, pair: Pair, owner: UUID | None, conflict: OnConflict, way: str) -> None:
        """An older writer that inserts the broadcast row itself; owner None: the channel's."""
        channel = self._view(n).channel(pair)
        client = owner or (channel[1].owner if channel else USERS[0])
        statement = INSERT_BROADCAST.removesuffix(" RETURNING id") + CLAUSES[conflict] + " RETURNING id"

        def expect(t: Transaction, told: Any) -> None:
            _same(told is not None, t.insert_broadcast(pair, client, conflict))
            row = t.broadcast(pair)
            # The id that the client holds is the one that stays.
            self.held = (pair, told) if told is not None and row is not None else None

        self.run(
            n,
            f"INSERT of a broadcast row {NAMES[conflict]}",
            way,
            lambda conn: _one(conn, statement, client, *pair),
            expect,
            {pair},
        )

    @rule(n=sessions, pair=pairs, owner=users, conflict=conflicts, way=ways)
    def insert_as_older_client(self, n: int, pair: Pair, owner: UUID, conflict: OnConflict, way: str) -> None:
        """An older writer: the channel, and then its row in the same transaction."""
        self.insert(n, pair, owner, "", "guarded")
        self.insert_broadcast(n, pair, owner, conflict, way)

    @rule(n=sessions, pair=pairs, way=ways)
    def delete_broadcast(self, n: int, pair: Pair, way: str) -> None:
        """DELETE of a broadcast row: COMMIT refuses, if it is a living channel's."""
        self.run(
            n,
            "DELETE of a broadcast row",
            way,
            lambda conn: conn.execute(f"DELETE FROM broadcast_manager WHERE {PAIR}".encode(), pair).rowcount,
            lambda t, rows: _same(rows, int(t.delete_broadcast(pair))),
            {pair},
        )

    @rule(n=sessions, pair=pairs, new_pair=pairs, owner=st.none() | users, way=ways)
    def update_broadcast(self, n: int, pair: Pair, new_pair: Pair, owner: UUID | None, way: str) -> None:
        """UPDATE of a broadcast row's pair and owner."""
        statement = (
            "UPDATE broadcast_manager SET open_channel_id = %s, closed_channel_id = %s,"
            f" client_id = coalesce(%s, client_id) WHERE {PAIR}"
        )
        self.run(
            n,
            "UPDATE of a broadcast row",
            way,
            lambda conn: conn.execute(statement.encode(), (*new_pair, owner, *pair)).rowcount,
            lambda t, rows: _same(rows, int(t.update_broadcast(pair, new_pair, owner))),
            {pair, new_pair},
        )

    @rule(n=sessions, way=ways)
    def truncate(self, n: int, way: str) -> None:
        """TRUNCATE … CASCADE: refused while there are channels, and not tried while there are none."""
        if not self._view(n).each(Channel):
            return

        def expect(t: Transaction, _: object) -> None:
            # PostgreSQL itself refuses while keys have something left to check at COMMIT.
            raise Refused("BM002 or 55006" if t.own else "BM002")

        self.run(n, "TRUNCATE", way, lambda conn: conn.execute("TRUNCATE broadcast_manager CASCADE"), expect, {WHOLE})

    @rule(n=sessions, many=several_pairs, way=ways)
    def backfill_batch(self, n: int, many: list[Pair], way: str) -> None:
        """backfill_broadcast_batch(): leaves alone what somebody else has locked."""

        def expect(t: Transaction, created: Any) -> None:
            made = {pair for pair in many if pair in self._broadcast_ids(self.sessions[n].conn)}
            due = {pair for pair in many if t.channel(pair) is not None and t.broadcast(pair) is None}
            assert all(self._touched_by_others(n, {pair}) for pair in due - made), f"not filled: {due - made}"
            t.backfill(due & made)
            _same(created, len(due & made))

        self.run(
            n,
            "backfill_broadcast_batch()",
            way,
            lambda conn: _one(
                conn,
                "SELECT broadcast.backfill_broadcast_batch(%s, %s, '0')",
                [pair[0] for pair in many],
                [pair[1] for pair in many],
            ),
            expect,
            set(many),
        )

    @precondition(lambda self: all(session.transaction is None for session in self.sessions))
    @rule(many=several_pairs)
    def bypass_and_backfill(self, many: list[Pair]) -> None:
        """A superuser takes rows away behind the rule's back: they are found, and backfill_broadcasts() fills up."""
        t = self._new_transaction()
        lost = [pair for pair in many if t.broadcast(pair) is not None]
        if not lost:
            return
        self._behind_the_back(f"DELETE FROM broadcast_manager WHERE {PAIR}", lost)
        found = self.shared.observer.execute(VIOLATIONS).fetchall()
        assert sorted(found) == sorted(("channel_without_broadcast", *pair) for pair in lost)
        row = self.shared.observer.execute("CALL broadcast.backfill_broadcasts()").fetchone()
        assert row == (len(lost), len(lost))
        for pair in lost:
            t.delete_broadcast(pair)
        t.backfill(lost)
        self._learn(t, self.shared.observer)
        t.commit()
        self._count("bypass, CALL broadcast.backfill_broadcasts()", "ok")
        self._compare_committed()

    @precondition(lambda self: all(session.transaction is None for session in self.sessions))
    @rule(many=several_pairs, owner=users)
    def bypass_and_repair(self, many: list[Pair], owner: UUID) -> None:
        """The same with rows of no channel: CALL broadcast.repair_broadcasts() keeps them in the quarantine."""
        t = self._new_transaction()
        orphans = [(f"-1007{pair[0][5:]}", f"-1008{pair[0][5:]}") for pair in many]
        insert = INSERT_BROADCAST.replace("%s", f"'{owner}'", 1).removesuffix(" RETURNING id")
        self._behind_the_back(insert, orphans)
        found = self.shared.observer.execute(VIOLATIONS).fetchall()
        assert sorted(found) == sorted(("broadcast_without_channel", *pair) for pair in orphans)
        self.shared.observer.execute("CALL broadcast.repair_broadcasts()")
        kept = self.shared.observer.execute(
            "DELETE FROM broadcast.quarantine RETURNING broadcast_row ->> 'open_channel_id', reason"
        ).fetchall()
        assert sorted(kept) == sorted((pair[0], "channel_gone") for pair in orphans)
        del t
        self._count("bypass, CALL broadcast.repair_broadcasts()", "ok")
        self._compare_committed()

    def _behind_the_back(self, statement: str, pairs: list[Pair]) -> None:
        with self.shared.superuser.transaction():
            self.shared.superuser.execute("SET LOCAL session_replication_role = replica")
            for pair in pairs:
                self.shared.superuser.execute(statement.encode(), pair)

    # Delivery

    @rule(n=sessions, which=nth, client=st.none() | users, way=ways)
    def request(self, n: int, which: int, client: UUID | None, way: str) -> None:
        """request_broadcast(); client None: the owner."""
        broadcasts = self._view(n).each(Broadcast)
        number, row = broadcasts[which % len(broadcasts)] if broadcasts else (UUID(int=which), None)
        assert isinstance(number, UUID)
        caller = client or (row.owner if row else USERS[0])
        self.run(
            n,
            "request_broadcast()",
            way,
            lambda conn: conn.execute("SELECT broadcast.request_broadcast(%s, %s)", [number, caller]),
            lambda t, _: t.request(number, caller),
            {row.pair if row else None, number},
        )

    @rule(n=sessions, worker=workers, count=st.integers(1, 3), way=ways)
    def claim(self, n: int, worker: str, count: int, way: str) -> None:
        """claim_due_broadcasts(): leaves alone what somebody else has locked."""

        def expect(t: Transaction, claimed: list[tuple[int, UUID]]) -> None:
            due = t.due()
            got = {broadcast for _, broadcast in claimed}
            assert len(got) == len(claimed) <= count
            assert got <= due, f"claimed what is not due: {got - due}"
            left = due - got
            if len(got) < count:
                pairs = {b.pair: i for i, b in t.each(Broadcast) if i in left}
                assert all(self._touched_by_others(n, {pair, i}) for pair, i in pairs.items()), f"not claimed: {left}"
            t.claim(claimed, worker, self.shared.steps)

        def claim(conn: Connection) -> list[tuple[int, UUID]]:
            found = conn.execute(
                "SELECT delivery_id, broadcast_id FROM broadcast.claim_due_broadcasts(%s, %s)", [worker, count]
            )
            return [(int(row[0]), row[1]) for row in found]

        self.run(n, "claim_due_broadcasts()", way, claim, expect, self._all_broadcasts(n))

    @rule(n=sessions, which=nth, worker=somebody, part=parts, way=ways)
    def intend(self, n: int, which: int, worker: str | None, part: str, way: str) -> None:
        """intend_part(); worker None: the one that has the claim."""
        number, delivery = self._delivery(n, which)
        by = worker or (delivery.worker if delivery else None) or "worker-1"

        def intend(conn: Connection) -> tuple[int, str] | None:
            found = conn.execute(
                "SELECT attempt, chat_id FROM broadcast.intend_part(%s, %s, %s)", [number, by, part]
            ).fetchone()
            return None if found is None else (int(found[0]), str(found[1]))

        self.run(
            n,
            "intend_part()",
            way,
            intend,
            lambda t, told: _same(told, t.intend(number, by, part)),
            {number, delivery.broadcast if delivery else None},
        )

    @rule(
        n=sessions,
        which=nth,
        part=parts,
        late=st.booleans(),
        state=st.sampled_from(["sent", "sent", "failed", "unknown"]),
        code=st.sampled_from(["forbidden", "rate_limited"]),
        way=ways,
    )
    def record(self, n: int, which: int, part: str, late: bool, state: str, code: str, way: str) -> None:
        """record_part(), of the last attempt or of the first."""
        number, delivery = self._delivery(n, which)
        attempts = [p.attempt for p in self._view(n).parts(number) if p.part == part]
        attempt = (min if late else max)(attempts, default=1)
        message = self.shared.steps if state == "sent" else None
        error = code if state == "failed" else None
        broadcast = delivery.broadcast if delivery else None
        row = self._view(n).seen().get(Key(Broadcast, broadcast)) if broadcast else None
        self.run(
            n,
            "record_part()",
            way,
            lambda conn: conn.execute(
                "SELECT broadcast.record_part(%s, %s, %s, %s, %s, %s)", [number, part, attempt, state, message, error]
            ),
            lambda t, _: t.record(number, part, attempt, state, error, self.shared.steps),
            {number, broadcast, row.pair if isinstance(row, Broadcast) else None},
        )

    @rule(
        n=sessions,
        which=nth,
        part=parts,
        state=st.sampled_from(["sent", "sent", "sent", "failed", "unknown"]),
        code=st.sampled_from(["forbidden", "rate_limited"]),
        way=ways,
    )
    def send(self, n: int, which: int, part: str, state: str, code: str, way: str) -> None:
        """A worker that sends a part, in one transaction."""
        self.intend(n, which, None, part, "guarded")
        self.record(n, which, part, False, state, code, way)

    @rule(
        n=sessions,
        worker=workers,
        states=st.tuples(st.sampled_from(["sent", "sent", "failed", "unknown"]), st.sampled_from(["sent", "failed"])),
        way=ways,
    )
    def deliver(self, n: int, worker: str, states: tuple[str, str], way: str) -> None:
        """A whole delivery, in one transaction."""
        self.claim(n, worker, 1, "guarded")
        self.send(n, 0, "open", states[0], "forbidden", "guarded")
        self.send(n, 0, "closed", states[1], "forbidden", "guarded")
        self.finish(n, 0, None, way)

    @rule(n=sessions, which=nth, worker=somebody, way=ways)
    def finish(self, n: int, which: int, worker: str | None, way: str) -> None:
        """finish_broadcast(); worker None: the one that has the claim."""
        number, delivery = self._delivery(n, which)
        by = worker or (delivery.worker if delivery else None) or "worker-1"
        broadcast = delivery.broadcast if delivery else None
        row = self._view(n).seen().get(Key(Broadcast, broadcast)) if broadcast else None
        self.run(
            n,
            "finish_broadcast()",
            way,
            lambda conn: _one(conn, "SELECT broadcast.finish_broadcast(%s, %s)", number, by),
            lambda t, told: _same(told, t.finish(number, by, self.shared.steps)),
            {number, broadcast, row.pair if isinstance(row, Broadcast) else None},
        )

    @rule(n=sessions, which=nth, way=ways)
    def expire(self, n: int, which: int, way: str) -> None:
        """A lease ends."""
        number, _ = self._delivery(n, which)
        self.run(
            n,
            "end of a lease",
            way,
            lambda conn: conn.execute(
                "UPDATE broadcast.deliveries SET lease_until = now() - interval '1 second'"
                " WHERE id = %s AND worker IS NOT NULL AND finished_at IS NULL",
                [number],
            ),
            lambda t, _: t.expire(number),
            {number},
        )

    @rule(n=sessions, way=ways)
    def release(self, n: int, way: str) -> None:
        """release_expired_claims(): leaves alone what somebody else has locked."""

        def expect(t: Transaction, released: Any) -> None:
            workers = {row[0]: row[2] for row in self.sessions[n].conn.execute(DELIVERIES.encode())}
            expired = t.expired()
            given_back = [(i, d) for i, d in expired if workers[i] is None]
            for i, _ in expired:
                assert workers[i] is None or self._touched_by_others(n, {i}), f"claim {i} was not released"
            for i, delivery in given_back:
                assert delivery.worker is not None
                assert isinstance(i, int)
                t.finish(i, delivery.worker, self.shared.steps)
            _same(released, len(given_back))

        touched = {number for number, _ in self._view(n).each(Delivery)}
        self.run(
            n,
            "release_expired_claims()",
            way,
            lambda conn: _one(conn, "SELECT broadcast.release_expired_claims()"),
            expect,
            touched | self._all_broadcasts(n),
        )

    # Transactions

    @rule(n=sessions)
    def savepoint(self, n: int) -> None:
        """SAVEPOINT in an open transaction."""
        session = self.sessions[n]
        if session.transaction is None or len(session.savepoints) == 3:
            return
        session.conn.execute(f"SAVEPOINT s{len(session.savepoints)}".encode())
        session.savepoints.append(dict(session.transaction.own))
        self._count("SAVEPOINT", "ok")

    @precondition(lambda self: any(s.savepoints for s in self.sessions))
    @rule(which=sessions, release=st.booleans())
    def end_savepoint(self, which: int, release: bool) -> None:
        """ROLLBACK TO the last savepoint, or RELEASE of it."""
        open_ones = [s for s in self.sessions if s.savepoints]
        session = open_ones[which % len(open_ones)]
        if release:
            session.savepoints.pop()
            session.conn.execute(f"RELEASE SAVEPOINT s{len(session.savepoints)}".encode())
        else:
            self._back_to_savepoint(session)
        self._compare(session)
        self._count("RELEASE SAVEPOINT" if release else "ROLLBACK TO SAVEPOINT", "ok")

    @precondition(lambda self: any(s.transaction is not None for s in self.sessions))
    @rule(which=sessions, commit=st.sampled_from([True, True, False]))
    def end(self, which: int, commit: bool) -> None:
        """COMMIT or ROLLBACK of an open transaction."""
        open_ones = [s for s in self.sessions if s.transaction is not None]
        session = open_ones[which % len(open_ones)]
        if commit:
            self._commit(session)
        else:
            self._roll_back(session)
            self._count("ROLLBACK", "ok")
            self._compare_committed()

    # The workings

    def run(
        self,
        n: int,
        name: str,
        way: str,
        statement: Callable[[Connection], T],
        expect: Callable[[Transaction, T], None],
        touches: set[object],
    ) -> None:
        """Run a statement in a session, ask the model what should have come of it, and compare.

        Args:
            way: see `ways`.
            expect: makes the change in the model; gets what the statement gave.
            touches: users, pairs and ids that the statement has to do with.
        """
        session = self.sessions[n]
        if session.transaction is None:
            session.conn.execute("SELECT")  # BEGIN, so that now() is known to be later than the last one's
            session.transaction = self._new_transaction()
        guarded = way.startswith("guarded")
        if guarded:
            session.conn.execute("SAVEPOINT statement")
        before = dict(session.transaction.own)
        touches = touches - {None}
        outcome = "ok"
        try:
            result = statement(session.conn)
        except (psycopg.Error, RuleError) as error:
            outcome = self._refused(session, n, name, error, expect, touches)
            session.transaction.own = before
            session.transaction.unnamed.clear()
            if guarded:
                session.conn.execute("ROLLBACK TO SAVEPOINT statement")
            elif session.savepoints:
                self._back_to_savepoint(session)
            else:
                self._roll_back(session)
        else:
            session.touched |= touches
            try:
                expect(session.transaction, result)
            except Refused as refused:
                raise AssertionError(f"{name} went well, and should have been refused: {refused}") from refused
            self._learn(session.transaction, session.conn)
            outcome = result if isinstance(result, str) else "ok" if result else "nothing to do"
        if session.transaction is not None:
            if guarded:
                session.conn.execute("RELEASE SAVEPOINT statement")
            self._compare(session)
        self._count(name, outcome)
        if way.endswith("commit") and session.transaction is not None:
            self._commit(session)

    def _refused(
        self,
        session: Session,
        n: int,
        name: str,
        error: psycopg.Error | RuleError,
        expect: Callable[[Transaction, Any], None],
        touches: set[object],
    ) -> str:
        cause = error.__cause__ if isinstance(error, RuleError) else error
        assert isinstance(cause, psycopg.Error)
        state, constraint = cause.sqlstate or "", cause.diag.constraint_name or ""
        if state == "55P03":
            assert self._touched_by_others(n, touches), f"{name} waits for nobody: {cause}"
            return "would wait"
        assert session.transaction is not None
        try:
            expect(session.transaction, None)
        except Refused as refused:
            _hold(state in refused.sqlstate.split(" or "), f"{name}: {cause}, expected {refused}")
            _hold(refused.constraint in ("", constraint), f"{name}: {cause}, expected {refused}")
            return " ".join(filter(None, (state, refused.constraint)))
        except (AssertionError, TypeError):  # the model went on to compare what the statement did not give
            pass
        raise AssertionError(f"{name} was refused: {cause}") from cause

    def _commit(self, session: Session) -> None:
        assert session.transaction is not None
        number = self.sessions.index(session)
        try:
            session.conn.commit()
        except psycopg.Error as error:
            if error.sqlstate == "55P03":
                _hold(self._touched_by_others(number, session.touched), f"COMMIT waits for nobody: {error}")
                outcome = "would wait"
            else:
                outcome = f"{error.sqlstate} {error.diag.constraint_name}"
                try:
                    session.transaction.check_deferred()
                except Refused as refused:
                    _same(outcome, f"{refused.sqlstate} {refused.constraint}")
                else:
                    raise AssertionError(f"COMMIT was refused: {error}") from error
            self._roll_back(session)
        else:
            try:
                session.transaction.commit()
            except Refused as refused:
                raise AssertionError(f"COMMIT went well, and should have been refused: {refused}") from refused
            outcome = "ok"
            self._forget(session)
        self._count("COMMIT", outcome)
        self._compare_committed()

    def _roll_back(self, session: Session) -> None:
        session.conn.rollback()
        self._forget(session)

    def _forget(self, session: Session) -> None:
        session.transaction = None
        session.savepoints.clear()
        session.touched.clear()

    def _back_to_savepoint(self, session: Session) -> None:
        assert session.transaction is not None
        session.conn.execute(f"ROLLBACK TO SAVEPOINT s{len(session.savepoints) - 1}".encode())
        session.transaction.own = dict(session.savepoints[-1])

    def _new_transaction(self) -> Transaction:
        self.begun += 1
        return Transaction(self.committed, self.begun)

    def _view(self, n: int) -> Transaction:
        # What the session's next statement will see.
        return self.sessions[n].transaction or Transaction(self.committed, self.begun + 1)

    def _delivery(self, n: int, which: int) -> tuple[int, Delivery | None]:
        deliveries = [(i, d) for i, d in self._view(n).each(Delivery) if isinstance(i, int)]
        # Claims that are under way come first.
        deliveries.sort(key=lambda found: (found[1].worker is None, found[1].outcome is not None, found[0]))
        return deliveries[which % len(deliveries)] if deliveries else (0, None)

    def _all_broadcasts(self, n: int) -> set[object]:
        return {thing for i, b in self._view(n).each(Broadcast) for thing in (i, b.pair)}

    def _touched_by_others(self, n: int, touches: set[Any]) -> bool:
        others = [other for i, other in enumerate(self.sessions) if i != n]
        return WHOLE in touches or any(touches & other.touched for other in others)

    def _told(self, t: Transaction, change: Callable[[], object], pair: Pair, told: object) -> None:
        change()
        row = t.broadcast(pair)
        if row is not None and row[0] not in t.unnamed:
            _same(told, row[0].id)
        else:
            self.held = (pair, told) if row is not None else None

    def _learn(self, t: Transaction, conn: Connection) -> None:
        if t.unnamed:
            channels = {(row[1], row[2]): int(row[0]) for row in conn.execute(CHANNELS.encode())}
            t.learn(channels, self._broadcast_ids(conn), self.known)
        if self.held is not None:
            pair, told = self.held
            row = t.broadcast(pair)
            assert row is not None
            _same(told, row[0].id)
            self.held = None

    def _broadcast_ids(self, conn: Connection) -> dict[Pair, UUID]:
        return {(row[1], row[2]): row[0] for row in conn.execute(BROADCASTS.encode())}

    def _compare(self, session: Session) -> None:
        assert session.transaction is not None
        _compare(session.conn, session.transaction.seen())

    def _compare_committed(self) -> None:
        _compare(self.shared.observer, self.committed)
        assert self.shared.observer.execute(VIOLATIONS.encode()).fetchall() == []

    def _count(self, name: str, outcome: str) -> None:
        self.shared.steps += 1
        self.shared.outcomes[name, outcome] += 1


def _compare(conn: Connection, seen: Rows) -> None:
    with conn.pipeline():
        channels = conn.execute(CHANNELS.encode())
        broadcasts = conn.execute(BROADCASTS.encode())
        deliveries = conn.execute(DELIVERIES.encode())
        users = conn.execute("SELECT user_id FROM registered_users")
    _same(sorted(channels), sorted((i, *c.pair, c.owner) for i, c in rows_of(seen, Channel)))
    _same(
        sorted(broadcasts),
        sorted((i, *b.pair, b.owner, b.status, b.active, b.triggered, b.failures) for i, b in rows_of(seen, Broadcast)),
    )
    parts: dict[object, list[list[object]]] = {}
    for _, p in sorted(rows_of(seen, Part), key=lambda found: str(found[0])):
        parts.setdefault(p.delivery, []).append([p.part, p.attempt, p.chat_id, p.state, p.error_code])
    _same(
        sorted(deliveries),
        sorted((i, d.broadcast, d.worker, d.outcome, parts.get(i, [])) for i, d in rows_of(seen, Delivery)),
    )
    _same({row[0] for row in users}, {i for i, _ in rows_of(seen, User)})


def _hold(right: bool, what: str) -> None:
    assert right, what


def _same(found: object, expected: object) -> None:
    assert found == expected, f"found {found}, expected {expected}"


def _one(conn: Connection, query: str, *parameters: object) -> Any:
    row = conn.execute(query.encode(), parameters).fetchone()
    return row[0] if row else None
