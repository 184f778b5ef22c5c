"""The clients of a live database: what a website, a scheduler and scripts of 2025 send, at a given rate."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString, NamedTuple

import psycopg

from tools import databases
from tools.benchmarks import old_database


class Sample(NamedTuple):
    """One statement: what it was for, when it was sent (monotonic seconds), how long it took, how it failed."""

    kind: str
    started: float
    seconds: float
    sqlstate: str | None


@dataclass
class Client:
    """One connection with its own share of users and channels, so that no two clients meet on a row."""

    conn: psycopg.Connection[Any]
    share: int
    channels: int
    rng: random.Random
    samples: list[Sample] = field(default_factory=list)
    made: int = 0
    pairs: dict[int, tuple[str, str]] = field(default_factory=dict)

    def send(self, kind: str, statement: LiteralString, *parameters: object) -> psycopg.Cursor[Any]:
        """Send a statement and write down how long it took."""
        started = time.monotonic()
        sqlstate = None
        try:
            return self.conn.execute(statement, parameters)
        except psycopg.Error as error:
            sqlstate = error.sqlstate or type(error).__name__
            raise
        finally:
            self.samples.append(Sample(kind, started, time.monotonic() - started, sqlstate))

    def user(self, *, stays: bool) -> int:
        """Pick the number of a user of this share: one that no client deletes, or one that may be gone."""
        rounds = self.channels // old_database.CHANNELS_PER_USER // old_database.SHARES
        turn = self.rng.randrange(max(rounds // 2, 1)) * 2 + (not stays)
        return turn * old_database.SHARES + self.share + 1

    def channel(self) -> int:
        """Pick the id of a channel of this share; about every third one was not in order at first."""
        while True:
            user = self.user(stays=self.rng.random() < 0.5)
            channel = (user - 1) * old_database.CHANNELS_PER_USER + 1 + self.rng.randrange(10)
            wrong = old_database.lacks_row(channel) or old_database.has_wrong_owner(channel)
            if wrong or self.rng.random() < 0.06:
                return min(channel, self.channels)

    def pair(self, channel: int) -> tuple[str, str]:
        """Tell the pair that this client last knew of a channel."""
        return self.pairs.get(channel, (f"-1003{channel:09}", f"-1004{channel:09}"))

    def new_pair(self) -> tuple[str, str]:
        """Make up a pair that nobody has."""
        self.made += 1
        number = (self.share + 1) * 100_000_000 + self.made
        return f"-1006{number:09}", f"-1007{number:09}"


def user_id(number: int) -> uuid.UUID:
    """Give the id of the user with this number."""
    return uuid.UUID(int=number)


_INSERT_CHANNEL: LiteralString = """
INSERT INTO main_clients_database (
  open_channel_id, open_channel_title, open_channel_description,
  closed_channel_id, closed_channel_title, closed_channel_description, closed_channel_donation_message,
  sub_1_price, sub_1_time, client_wallet_address, client_payout_currency, client_payout_network, client_id, created_by
) VALUES (
  %s, 'Evening signals', 'What will move over night', %s, 'Evening signals, inside', 'Entries and exits',
  'If the signals paid for your dinner, buy us one.', 7.50, 30, '0x71C7656EC7ab88b098defB751B7401B5f6d8976F',
  'USDT', 'ETH', %s, 'load'
)
"""


def read(client: Client) -> None:
    """The dashboard: an owner's channels with their broadcast rows."""
    client.send(
        "read",
        "SELECT c.id, c.open_channel_title, b.id, b.broadcast_status, b.next_send_time FROM main_clients_database AS c"
        " LEFT JOIN broadcast_manager AS b"
        " ON b.open_channel_id = c.open_channel_id AND b.closed_channel_id = c.closed_channel_id"
        " WHERE c.client_id = %s",
        user_id(client.user(stays=client.rng.random() < 0.5)),
    ).fetchall()


def insert_channel(client: Client) -> None:
    """A registration that knows nothing of broadcast rows."""
    client.send("insert channel", _INSERT_CHANNEL, *client.new_pair(), user_id(client.user(stays=True)))


def insert_both(client: Client) -> None:
    """An older writer: the channel and its broadcast row in one transaction."""
    pair, owner = client.new_pair(), user_id(client.user(stays=True))
    client.send("insert both", "BEGIN")
    try:
        client.send("insert both", _INSERT_CHANNEL, *pair, owner)
        client.send(
            "insert both",
            "INSERT INTO broadcast_manager (client_id, open_channel_id, closed_channel_id)"
            " VALUES (%s, %s, %s) RETURNING id",
            owner,
            *pair,
        )
    finally:
        client.send("insert both", "COMMIT")


def update_channel(client: Client) -> None:
    """An owner edits a text."""
    client.send(
        "update channel",
        "UPDATE main_clients_database SET open_channel_title = %s, updated_at = now() WHERE id = %s",
        f"Signals {client.made}",
        client.channel(),
    )


def update_broadcast(client: Client) -> None:
    """The scheduler writes down what it sent."""
    client.send(
        "update broadcast",
        "UPDATE broadcast_manager SET last_sent_time = now(), next_send_time = now() + interval '1 day',"
        " broadcast_status = 'completed', total_broadcasts = total_broadcasts + 1, updated_at = now()"
        " WHERE open_channel_id = %s AND closed_channel_id = %s",
        *client.pair(client.channel()),
    )


def change_pair(client: Client) -> None:
    """An owner moves to another closed channel."""
    channel, (_, closed) = client.channel(), client.new_pair()
    client.send("change pair", "UPDATE main_clients_database SET closed_channel_id = %s WHERE id = %s", closed, channel)
    client.pairs[channel] = client.pair(channel)[0], closed


def change_owner(client: Client) -> None:
    """A channel is sold."""
    client.send(
        "change owner",
        "UPDATE main_clients_database SET client_id = %s WHERE id = %s",
        user_id(client.user(stays=True)),
        client.channel(),
    )


def delete_channel(client: Client) -> None:
    """An owner gives up a channel."""
    client.send("delete channel", "DELETE FROM main_clients_database WHERE id = %s", client.channel())


def delete_owner(client: Client) -> None:
    """An owner leaves, with all channels."""
    client.send("delete owner", "DELETE FROM registered_users WHERE user_id = %s", user_id(client.user(stays=False)))


OPERATIONS: dict[Callable[[Client], None], int] = {
    read: 20,
    update_broadcast: 20,
    update_channel: 15,
    insert_channel: 12,
    insert_both: 6,
    change_pair: 12,
    change_owner: 8,
    delete_channel: 5,
    delete_owner: 2,
}


@dataclass
class Load:
    """What the clients of one run have sent; complete once the run has ended."""

    clients: list[Client] = field(default_factory=list)

    @property
    def samples(self) -> list[Sample]:
        """All statements of all clients, in the order in which they were sent."""
        return sorted((s for client in self.clients for s in list(client.samples)), key=lambda s: s.started)

    def wait_for(self, statements: int) -> None:
        """Wait until so many more statements have been sent; no longer than a minute.

        Raises:
            TimeoutError: they were not.
        """
        enough = self._sent() + statements
        last = time.monotonic() + 60
        while self._sent() < enough:
            if time.monotonic() > last:
                raise TimeoutError(f"the clients did not send {statements} statements in a minute")
            time.sleep(0.02)

    def _sent(self) -> int:
        return sum(len(client.samples) for client in self.clients)


@contextmanager
def running(url: str, channels: int, *, statements_per_second: float = 250, seed: int = 1) -> Iterator[Load]:
    """Run the clients on a database of `old_database.fill` for as long as the block lasts.

    Raises:
        ExceptionGroup: clients met with something else than an error of the database, or lost their connection.
    """
    load, stop, faults = Load(), threading.Event(), []
    pause = old_database.SHARES / statements_per_second

    def work(client: Client) -> None:
        try:
            _send_until(stop, client, pause)
        except Exception as fault:
            faults.append(fault)

    for share in range(old_database.SHARES):
        conn = databases.connect(url, application_name=f"client {share + 1}")
        load.clients.append(Client(conn, share, channels, random.Random(f"{seed} {share}")))
    threads = [threading.Thread(target=work, args=(client,), daemon=True) for client in load.clients]
    try:
        for thread in threads:
            thread.start()
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for client in load.clients:
            client.conn.close()
    if faults:
        raise ExceptionGroup("clients stopped", faults)


def _send_until(stop: threading.Event, client: Client, pause: float) -> None:
    # `pause` is the time between two statements; who was held up does not hurry afterwards.
    due = time.monotonic() + client.rng.random() * pause
    while not stop.wait(max(due - time.monotonic(), 0)):
        sent = len(client.samples)
        (operation,) = client.rng.choices(list(OPERATIONS), list(OPERATIONS.values()))
        try:
            operation(client)
        except psycopg.Error:
            if client.conn.closed:
                raise
        due = max(due + pause * (len(client.samples) - sent), time.monotonic() - pause)
