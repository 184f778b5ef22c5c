"""Bulk insert: what does the rule cost against writing both rows by hand, or by the usual trigger?"""

import time
from collections.abc import Callable
from typing import Any, LiteralString, NamedTuple

import psycopg
from sqlalchemy import create_engine, event, insert, text
from sqlalchemy.ext.automap import automap_base
from sqlalchemy.orm import Session

from pyapi.database_url import sqlalchemy_url
from tools import databases
from tools.benchmarks.compare import interleave, report

COLUMNS: LiteralString = (
    "client_id, open_channel_id, closed_channel_id, open_channel_title, open_channel_description,"
    " closed_channel_title, closed_channel_description, closed_channel_donation_message, sub_1_price, sub_1_time,"
    " client_wallet_address, client_payout_currency, client_payout_network"
)
# Ten channels for each owner, as many as the platform allows, in no particular order.
SOURCE: LiteralString = (
    "SELECT (ARRAY(SELECT user_id FROM registered_users))[1 + n %% %(owners)s::int], '-100' || (1000000000 + n),"
    " '-100' || (5000000000 + n), 'Morning signals', 'What moved over night', 'Morning signals, inside',"
    " 'Entries, exits, reasons', 'If it paid for your breakfast, buy us one', 5.00, 30,"
    " '0x71C7656EC7ab88b098defB751B7401B5f6d8976F', 'USDT'::currency_type, 'ETH'::network_type"
    " FROM generate_series(%(first)s::int, %(last)s::int) AS n"
)
INSERT: LiteralString = f"INSERT INTO main_clients_database ({COLUMNS}) {SOURCE}"
BY_HAND: LiteralString = (
    f"WITH channel AS ({INSERT} RETURNING client_id, open_channel_id, closed_channel_id)"
    " INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) SELECT * FROM channel"
)
SERVICE_ROW: LiteralString = (
    "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id) VALUES (%s, %s, %s) RETURNING id"
)
ROW_TRIGGER = """
CREATE FUNCTION create_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)
  VALUES (NEW.client_id, NEW.open_channel_id, NEW.closed_channel_id);
  RETURN NULL;
END $$;
CREATE TRIGGER create_row AFTER INSERT ON main_clients_database FOR EACH ROW EXECUTE FUNCTION create_row();
"""
BARE = """
ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_channel_pair, DROP CONSTRAINT fk_client_user;
DROP INDEX idx_main_clients_client_id;
"""
# What an owner may drop after the upgrade: the rule's own key leads with client_id, and so serves the same look-ups.
REDUNDANT = "DROP INDEX idx_main_clients_client_id; DROP INDEX idx_broadcast_client"
# What each key costs; without them nothing is guaranteed.
NO_DEFERRED_KEY = "ALTER TABLE main_clients_database DROP CONSTRAINT main_clients_database_pair_fkey"
NO_CASCADE_KEY = "ALTER TABLE broadcast_manager DROP CONSTRAINT broadcast_manager_client_id_pair_fkey"

# The variants that send a statement or two for each channel take minutes for what the others do in seconds.
ROW_BY_ROW = ("ORM event listener", "service of two statements")
SMALLER = 4

Connection = psycopg.Connection[tuple[Any, ...]]


EMPTY: LiteralString = """
SET broadcast_manager.allow_truncate = 'on';
TRUNCATE main_clients_database, broadcast_manager
"""


class Load(NamedTuple):
    """How many channels a round inserts, and of how many owners."""

    rows: int
    owners: int

    def numbers(self, number: int) -> dict[str, int]:
        """Parameters of SOURCE in the round of this number."""
        return {"first": number * self.rows + 1, "last": (number + 1) * self.rows, "owners": self.owners}


def measure(server_url: str, rows: int, rounds: int) -> None:
    """Print what inserting a channel takes in each variant; each has a database of its own, emptied every round.

    Args:
        server_url: a superuser's URL.
        rows: channels in one round; the variants that go row by row insert a quarter of them.
        rounds: interleaved rounds of each variant.
    """
    made: list[str] = []
    load = Load(rows, rows // 10)
    smaller = Load(rows // SMALLER, load.owners)

    def old(*statements: LiteralString) -> str:
        url = databases.create_database(server_url)
        made.append(url)
        databases.load(url, databases.EXISTING_SCHEMA)
        with databases.connect(url) as conn:
            conn.execute(
                "INSERT INTO registered_users (username, email, password_hash)"
                " SELECT 'user ' || n, n || '@example.org', 'x' FROM generate_series(1, %s) AS n",
                [load.owners],
            )
            for statement in statements:
                conn.execute(statement)
        return url

    def upgraded(*statements: LiteralString) -> str:
        url = old()
        databases.upgrade(url)
        with databases.connect(url) as conn:
            for statement in statements:
                conn.execute(statement)
        return url

    def emptied(url: str, run: Callable[[int], float]) -> Callable[[int], float]:
        def from_empty(number: int) -> float:
            with databases.connect(url) as conn:
                for statement in EMPTY.split(";"):
                    conn.execute(statement)
            # Else one variant would pay for what another left to be written.
            with databases.connect(server_url) as conn:
                conn.execute("CHECKPOINT")
            return run(number)

        return from_empty

    def by_sql(url: str, statement: LiteralString) -> Callable[[int], float]:
        conn = databases.connect(url)

        def run(number: int) -> float:
            start = time.perf_counter()
            conn.execute(statement, load.numbers(number))
            return (time.perf_counter() - start) / rows

        return emptied(url, run)

    try:
        variants = {
            "bare table, no broadcast rows": by_sql(old(BARE), INSERT),
            "both rows by hand in a CTE": by_sql(old(), BY_HAND),
            "usual row trigger": by_sql(old(ROW_TRIGGER), INSERT),
            "ORM event listener": emptied(url := old(), _orm_listener(url, smaller)),
            "service of two statements": emptied(url := old(), _service(url, smaller)),
            "ours, INSERT ... SELECT": by_sql(upgraded(), INSERT),
            "ours, COPY": emptied(url := upgraded(), _copy(url, load)),
            "ours, redundant indexes dropped": by_sql(upgraded(REDUNDANT), INSERT),
            "the same without the deferred key": by_sql(upgraded(REDUNDANT, NO_DEFERRED_KEY), INSERT),
            "the same without either key": by_sql(upgraded(REDUNDANT, NO_DEFERRED_KEY, NO_CASCADE_KEY), INSERT),
        }
        times = interleave(variants, rounds)
    finally:
        for url in made:
            databases.drop_database(server_url, url)
    operations = {name: smaller.rows if name in ROW_BY_ROW else rows for name in times}
    report(
        "Bulk insert of channels", times, ["both rows by hand in a CTE", "usual row trigger"], operations, "bulk.png"
    )


def _rows(conn: Connection, load: Load, number: int) -> list[tuple[Any, ...]]:
    return conn.execute(SOURCE, load.numbers(number)).fetchall()


def _copy(url: str, load: Load) -> Callable[[int], float]:
    conn = databases.connect(url)

    def run(number: int) -> float:
        data = _rows(conn, load, number)
        start = time.perf_counter()
        with conn.cursor().copy(f"COPY main_clients_database ({COLUMNS}) FROM STDIN") as copy:
            for row in data:
                copy.write_row(row)
        return (time.perf_counter() - start) / load.rows

    return run


def _service(url: str, load: Load) -> Callable[[int], float]:
    """The seed's service: two statements a channel, here in one transaction for all of them."""
    conn = databases.connect(url)
    one = f"INSERT INTO main_clients_database ({COLUMNS}) VALUES ({', '.join(['%s'] * 13)})"

    def run(number: int) -> float:
        data = _rows(conn, load, number)
        start = time.perf_counter()
        with conn.transaction(), conn.cursor() as cursor:
            for row in data:
                cursor.execute(one, row)
                cursor.execute(SERVICE_ROW, row[:3]).fetchone()
        return (time.perf_counter() - start) / load.rows

    return run


def _orm_listener(url: str, load: Load) -> Callable[[int], float]:
    """SQLAlchemy's after_insert: the way of applications that keep the rule in their models."""
    engine = create_engine(sqlalchemy_url(url))
    base = automap_base()
    base.prepare(autoload_with=engine)
    channel, row_table = base.classes.main_clients_database, base.metadata.tables["broadcast_manager"]

    def create_row(_mapper: object, connection: Any, target: Any) -> None:
        connection.execute(
            insert(row_table).values(
                client_id=target.client_id,
                open_channel_id=target.open_channel_id,
                closed_channel_id=target.closed_channel_id,
            )
        )

    event.listen(channel, "after_insert", create_row)
    names = [name.strip() for name in COLUMNS.split(",")]
    source = databases.connect(url)

    def run(number: int) -> float:
        data = [dict(zip(names, row, strict=True)) for row in _rows(source, load, number)]
        start = time.perf_counter()
        with Session(engine) as session:
            session.execute(text("SELECT 1"))
            session.add_all([channel(**values) for values in data])
            session.commit()
        return (time.perf_counter() - start) / load.rows

    return run
