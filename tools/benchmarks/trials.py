"""What was tried to make a bulk insert faster, and how much the shape of the data changes the comparison."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import LiteralString

from rich.table import Table

from pyapi.project_file import project_file
from tools import databases
from tools.benchmarks.bulk import BY_HAND, INSERT, REDUNDANT, ROW_TRIGGER, Load
from tools.benchmarks.compare import console, interleave, ratio
from tools.benchmarks.profile import cpu_seconds, database

FUNCTION = "sql/rule/create_broadcast_rows.sql"
AS_IT_IS = "as it is"
# What is tried instead: name → what in the function is replaced, and by what.
INSTEAD: dict[str, Sequence[tuple[str, str]]] = {
    "as it is, a second time": (),
    "NOT EXISTS instead of ON CONFLICT": (
        (
            "ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING",
            "WHERE NOT EXISTS (SELECT FROM public.broadcast_manager AS b"
            " WHERE b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id)",
        ),
    ),
    "no ON CONFLICT (refuses writers of both rows)": (
        ("ON CONFLICT (open_channel_id, closed_channel_id) DO NOTHING", ""),
    ),
    "the transaction's number in a variable": (
        ("AS $$\nBEGIN", "AS $$\nDECLARE number constant bytea := substr(xid8send(pg_current_xact_id()), 3);\nBEGIN"),
        ("PLACING substr(xid8send(pg_current_xact_id()), 3)", "PLACING number"),
    ),
    "rows in the order of client_id": (
        ("FROM new_channels AS c", "FROM new_channels AS c ORDER BY c.client_id, c.open_channel_id"),
    ),
}

ROUND_ROBIN = "1 + n %% %(owners)s::int"
ASCENDING: LiteralString = "UPDATE registered_users SET user_id = lpad(to_hex(substr(username, 6)::int), 32, '0')::uuid"
NO_OTHER_INDEXES: LiteralString = "DROP INDEX idx_broadcast_status; DROP INDEX idx_broadcast_next_send"


def measure(server_url: str, rounds: int, rows: int = 20_000) -> None:
    """Print two tables of the server's CPU time for a channel: other functions, and other data.

    Args:
        server_url: a superuser's URL.
        rounds: interleaved rounds.
        rows: channels in one round.
    """
    _functions(server_url, rounds, rows)
    _shapes(server_url, rounds, rows)


def _functions(server_url: str, rounds: int, rows: int) -> None:
    load = Load(rows, rows * rounds // 10)
    urls: list[str] = []
    runs: dict[str, Callable[[int], float]] = {}
    try:
        for name, replaced in {AS_IT_IS: (), **INSTEAD}.items():
            text = project_file(FUNCTION).read_text()
            for part, other in replaced:
                if part not in text:
                    raise ValueError(f"{FUNCTION} does not hold {part!r} any more")
                text = text.replace(part, other)
            url = database(server_url, load.owners, REDUNDANT, upgraded=True)
            urls.append(url)
            with databases.connect(url) as conn:
                conn.execute(text.encode())
            runs[name] = _bulk(url, INSERT, load)
        times = interleave(runs, rounds)
    finally:
        for url in urls:
            databases.drop_database(server_url, url)
    table = Table("create_broadcast_rows()", "CPU µs", f"x {AS_IT_IS}", title="Redundant indexes dropped")
    for name, seconds in times.items():
        table.add_row(name, f"{median(seconds) * 1e6:.1f}", f"{ratio(times, AS_IT_IS, name):.2f}")
    console.print(table)


def _shapes(server_url: str, rounds: int, rows: int) -> None:
    every = rows * rounds
    table = Table(
        "data", "CTE: CPU µs", "row trigger", "ours", "x CTE", "x trigger", "redundant dropped", "x CTE", "x trigger",
        title=f"{rounds} rounds of {rows:,} channels",
    )  # fmt: skip
    for name, owners, spread, statements in (
        ("ten channels an owner, random", every // 10, ROUND_ROBIN, ()),
        ("one owner", 1, ROUND_ROBIN, ()),
        ("one channel an owner, random", every, "n", ()),
        ("one channel an owner, ascending", every, "n", (ASCENDING,)),
        ("ten channels an owner, ascending", every // 10, "1 + (n - 1) / 10", (ASCENDING,)),
        ("random, no index on status and time", every // 10, ROUND_ROBIN, (NO_OTHER_INDEXES,)),
    ):
        load = Load(rows, owners)
        urls = [
            database(server_url, owners, *statements, upgraded=False),
            database(server_url, owners, *statements, ROW_TRIGGER, upgraded=False),
            database(server_url, owners, *statements, upgraded=True),
            database(server_url, owners, *statements, REDUNDANT, upgraded=True),
        ]
        try:
            insert, by_hand = (statement.replace(ROUND_ROBIN, spread) for statement in (INSERT, BY_HAND))
            ways = zip(("CTE", "trigger", "ours", "lean"), urls, (by_hand, insert, insert, insert), strict=True)
            times = interleave({way: _bulk(url, statement, load) for way, url, statement in ways}, rounds)
        finally:
            for url in urls:
                databases.drop_database(server_url, url)
        cells = [f"{median(times[way]) * 1e6:.1f}" for way in ("CTE", "trigger")]
        for way in ("ours", "lean"):
            ratios = [f"{ratio(times, base, way):.2f}" for base in ("CTE", "trigger")]
            cells += [f"{median(times[way]) * 1e6:.1f}", *ratios]
        table.add_row(name, *cells)
    console.print(table)


def _bulk(url: str, statement: str, load: Load) -> Callable[[int], float]:
    conn = databases.connect(url)

    def run(number: int) -> float:
        before = cpu_seconds(conn)
        conn.execute(statement.encode(), load.numbers(number))
        return (cpu_seconds(conn) - before) / load.rows

    return run
