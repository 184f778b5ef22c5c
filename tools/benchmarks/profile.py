"""Where the time of an insert goes: by part of the statement, by index and key, and between server and client."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, LiteralString

import psycopg
from rich.table import Table

from pyapi.project_file import project_file
from tools import databases
from tools.benchmarks import single
from tools.benchmarks.bulk import BY_HAND, COLUMNS, INSERT, Load
from tools.benchmarks.compare import console, interleave

Connection = psycopg.Connection[tuple[Any, ...]]

CHANNEL_ROWS = "channel rows and their indexes"
CHANNELS_KEY = "key of the channels to registered_users"
BROADCAST_ROWS = "broadcast rows and their indexes"
BROADCASTS_KEY = "key of the broadcast rows (by hand: to registered_users; ours: to the channels)"
DEFERRED_KEY = "deferred key of the channels to the broadcast rows"
NOTIFY = "notification for the dashboards"
COMMIT = "COMMIT"
PARTS = (CHANNEL_ROWS, CHANNELS_KEY, BROADCAST_ROWS, BROADCASTS_KEY, DEFERRED_KEY, NOTIFY, COMMIT)

# Taken away one after the other, each on top of those before; what a key needs can only go after it.
LADDER: dict[str, LiteralString] = {
    "trigger notify_channel_insert": "DROP TRIGGER notify_channel_insert ON main_clients_database",
    "index of old idx_main_clients_client_id": "DROP INDEX idx_main_clients_client_id",
    "index of old idx_broadcast_client": "DROP INDEX idx_broadcast_client",
    "index of old idx_broadcast_status": "DROP INDEX idx_broadcast_status",
    "index of old idx_broadcast_next_send": "DROP INDEX idx_broadcast_next_send",
    "key main_clients_database_pair_fkey (deferred)": (
        "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey"
    ),
    "key broadcast_manager_client_id_pair_fkey (cascade)": (
        "ALTER TABLE broadcast_manager DROP CONSTRAINT broadcast_manager_client_id_pair_fkey"
    ),
    "index main_clients_database_client_id_pair_key": "DROP INDEX main_clients_database_client_id_pair_key",
    "key of old fk_client_user": "ALTER TABLE main_clients_database DROP CONSTRAINT fk_client_user",
    "unique key of old main_clients_channel_pair": (
        "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair"
    ),
    "trigger take_over_auto_created_row (its WHEN)": "DROP TRIGGER take_over_auto_created_row ON broadcast_manager",
    "trigger create_broadcast_rows": "DROP TRIGGER create_broadcast_rows ON main_clients_database",
}
TRIGGER_OFF: LiteralString = "ALTER TABLE main_clients_database DISABLE TRIGGER create_broadcast_rows"
# One registration as a statement of its own, under numbers that no bulk insert reaches.
ONE: LiteralString = f"""
INSERT INTO main_clients_database ({COLUMNS})
VALUES (
  %(client)s, '-100' || %(number)s, '-100' || %(number)s, 'Morning signals', 'What moved over night',
  'Morning signals, inside', 'Entries, exits, reasons', 'If it paid for your breakfast, buy us one', 5.00, 30,
  '0x71C7656EC7ab88b098defB751B7401B5f6d8976F', 'USDT', 'ETH'
)
"""
FAR = 8_000_000_000
SINGLES = 400
EVERYTHING = "everything, as the upgrade leaves it"


def measure(server_url: str, rounds: int, rows: int = 50_000) -> None:
    """Print the tables.

    Args:
        server_url: a superuser's URL.
        rounds: interleaved rounds.
        rows: channels in one round.
    """
    load = Load(rows, rows * rounds // 10)
    _parts(server_url, load, rounds)
    _ladder(server_url, load, rounds)
    _registrations(server_url, rounds)


def _parts(server_url: str, load: Load, rounds: int) -> None:
    by_hand, ours = (database(server_url, load.owners, upgraded=upgraded) for upgraded in (False, True))
    split = database(server_url, load.owners, TRIGGER_OFF, upgraded=True)
    seen: dict[str, list[dict[str, float]]] = {"by hand": [], "ours": []}
    try:
        with databases.connect(by_hand) as one, databases.connect(ours) as two, databases.connect(split) as three:
            for number in range(rounds):
                seen["by hand"].append(_by_hand(one, load, number))
                seen["ours"].append(_ours(two, three, load, number))
    finally:
        for url in (by_hand, ours, split):
            databases.drop_database(server_url, url)
    table = Table("part", title=f"Where the time of {load.rows:,} channels in one INSERT goes: µs a channel, medians")
    for name in seen:
        table.add_column(name, justify="right")
    for part in PARTS:
        table.add_row(part, *(f"{median(run[part] for run in runs):.1f}" for runs in seen.values()))
    table.add_row("all", *(f"{median(sum(run.values()) for run in runs):.1f}" for runs in seen.values()))
    console.print(table)


def _by_hand(conn: Connection, load: Load, number: int) -> dict[str, float]:
    with conn.transaction():
        report = _explain(conn, BY_HAND, load.numbers(number))
        channels = _inner(report["Plan"], "main_clients_database")["Actual Total Time"]
        commit = time.perf_counter()
    commit = (time.perf_counter() - commit) * 1000
    keys = _triggers(report)
    parts = {
        CHANNEL_ROWS: channels,
        CHANNELS_KEY: keys["main_clients_database"],
        BROADCAST_ROWS: report["Execution Time"] - channels - sum(keys.values()),
        BROADCASTS_KEY: keys["broadcast_manager"],
        DEFERRED_KEY: 0.0,
        NOTIFY: 0.0,
        COMMIT: commit,
    }
    return {name: milliseconds / load.rows * 1000 for name, milliseconds in parts.items()}


def _ours(conn: Connection, split: Connection, load: Load, number: int) -> dict[str, float]:
    with conn.transaction():
        report = _explain(conn, INSERT, load.numbers(number))
        deferred = time.perf_counter()
        conn.execute("SET CONSTRAINTS ALL IMMEDIATE")
        deferred = (time.perf_counter() - deferred) * 1000
        commit = time.perf_counter()
    commit = (time.perf_counter() - commit) * 1000
    triggers = _triggers(report)
    cascade_key = _cascade_key(split, load, number)
    parts = {
        CHANNEL_ROWS: report["Execution Time"] - sum(triggers.values()),
        CHANNELS_KEY: triggers["main_clients_database"],
        BROADCAST_ROWS: triggers["create_broadcast_rows"] - cascade_key,
        BROADCASTS_KEY: cascade_key,
        DEFERRED_KEY: deferred,
        NOTIFY: triggers["notify_channel_insert"],
        COMMIT: commit,
    }
    return {name: milliseconds / load.rows * 1000 for name, milliseconds in parts.items()}


def _cascade_key(conn: Connection, load: Load, number: int) -> float:
    """Milliseconds of the key inside the trigger: EXPLAIN does not look into functions, so run its statement alone."""
    function = project_file("sql/rule/create_broadcast_rows.sql").read_text()
    statement = function[function.index("INSERT INTO") : function.index("RETURN NULL")].rstrip().rstrip(";")
    with conn.transaction():
        conn.execute(INSERT, load.numbers(number))
        first = load.numbers(number)["first"]
        channels = f"(SELECT * FROM main_clients_database WHERE id >= {first}) AS c"
        report = _explain(conn, statement.replace("new_channels AS c", channels), None)
    return _triggers(report)["broadcast_manager"]


def _ladder(server_url: str, load: Load, rounds: int) -> None:
    steps = list(LADDER)
    urls = [database(server_url, load.owners, *list(LADDER.values())[:n], upgraded=True) for n in range(len(steps) + 1)]
    try:
        names = [EVERYTHING, *steps]
        bulk = interleave({name: _bulk(url, load) for name, url in zip(names, urls, strict=True)}, rounds)
        one = interleave({name: _one_by_one(url) for name, url in zip(names, urls, strict=True)}, rounds)
    finally:
        for url in urls:
            databases.drop_database(server_url, url)
    table = Table(
        "taken away, one after the other", "in bulk: µs", "it cost", "one by one: µs", "it cost",
        title=f"The server's CPU time for a channel, medians of {rounds} rounds; in bulk: {load.rows:,} in one INSERT",
    )  # fmt: skip
    before = EVERYTHING
    for name in names:
        cells = []
        for seconds in (bulk, one):
            cost = median(a - b for a, b in zip(seconds[before], seconds[name], strict=True))
            cells += [f"{median(seconds[name]) * 1e6:.1f}", "" if name == EVERYTHING else f"{cost * 1e6:.1f}"]
        table.add_row(name, *cells)
        before = name
    console.print(table)


def _bulk(url: str, load: Load) -> Callable[[int], float]:
    conn = databases.connect(url)

    def run(number: int) -> float:
        before = cpu_seconds(conn)
        conn.execute(INSERT, load.numbers(number))
        return (cpu_seconds(conn) - before) / load.rows

    return run


def _one_by_one(url: str) -> Callable[[int], float]:
    """Each in a transaction of its own that does not wait for the disk."""
    conn = databases.connect(url, options="-c synchronous_commit=off")
    conn.execute("VACUUM (ANALYZE) registered_users, main_clients_database, broadcast_manager")
    (client,) = conn.execute("SELECT user_id FROM registered_users LIMIT 1").fetchone() or (None,)

    def run(number: int) -> float:
        before = cpu_seconds(conn)
        for n in range(SINGLES):
            conn.execute(ONE, {"client": client, "number": str(FAR + number * SINGLES + n)})
        return (cpu_seconds(conn) - before) / SINGLES

    return run


def _registrations(server_url: str, rounds: int) -> None:
    with single.databases_for_registrations(server_url, rounds * SINGLES * len(single.WAYS)) as (old, new, clients):
        conns = {
            name: databases.connect(old if name == single.BASE else new, options="-c synchronous_commit=off")
            for name in single.WAYS
        }
        shares: dict[str, list[tuple[float, float]]] = {name: [] for name in conns}
        for _ in range(rounds):
            for name, conn in conns.items():
                channels = [single.channel(clients) for _ in range(SINGLES)]
                server, client = cpu_seconds(conn), time.process_time()
                for channel in channels:
                    single.WAYS[name](conn, channel)
                shares[name].append((cpu_seconds(conn) - server, time.process_time() - client))
        for conn in conns.values():
            conn.close()
    table = Table("way", "server µs", "client µs", title=f"CPU time of one registration, medians of {rounds} rounds")
    for name, seconds in shares.items():
        table.add_row(name, *(f"{median(share) / SINGLES * 1e6:.0f}" for share in zip(*seconds, strict=True)))
    console.print(table)


def cpu_seconds(conn: Connection) -> float:
    """CPU time of the server's process so far, which other work disturbs less than the clock (Linux, same machine)."""
    return int(Path(f"/proc/{conn.info.backend_pid}/schedstat").read_text().split()[0]) / 1e9


def database(server_url: str, owners: int, *statements: LiteralString, upgraded: bool) -> str:
    """Make a database of the live system with so many owners, upgraded or not, run statements and give its URL."""
    url = databases.create_database(server_url)
    databases.load(url, databases.EXISTING_SCHEMA)
    if upgraded:
        databases.upgrade(url)
    with databases.connect(url) as conn:
        conn.execute(
            "INSERT INTO registered_users (username, email, password_hash)"
            " SELECT 'user ' || n, n || '@example.org', 'x' FROM generate_series(1, %s) AS n",
            [owners],
        )
        for statement in statements:
            conn.execute(statement)
    return url


def _explain(conn: Connection, statement: str, parameters: dict[str, int] | None) -> dict[str, Any]:
    row = conn.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".encode(), parameters).fetchone()
    assert row is not None
    report: dict[str, Any] = row[0][0]
    return report


def _triggers(report: dict[str, Any]) -> dict[str, float]:
    """Milliseconds of each trigger by its name, of a key by its table."""
    return {t["Relation"] if "Constraint Name" in t else t["Trigger Name"]: t["Time"] for t in report["Triggers"]}


def _inner(node: dict[str, Any], table: str) -> dict[str, Any]:
    """Find the part of a plan that writes this table."""
    if node["Node Type"] == "ModifyTable" and node["Relation Name"] == table:
        return node
    for child in node.get("Plans", []):
        if found := _inner(child, table):
            return found
    return {}
