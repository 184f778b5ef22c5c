"""The promises in plain Python: what each statement does to what a transaction sees, or why it is refused.

The model knows nothing of locks. A statement that would wait is taken back in both, and the machine asks only
whether somebody else had touched the same things.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeVar
from uuid import UUID, uuid4

Pair = tuple[str, str]

MAX_CHANNELS = 4
MAX_FAILURES = 2
# Failures that are no fault of the channel's are tried again without being counted (finish_broadcast).
UNCOUNTED = ("rate_limited", "network")

OWNER_KEY = "main_clients_database_owner_fkey"
CASCADE_KEY = "broadcast_manager_client_id_pair_fkey"
DEFERRED_KEY = "main_clients_database_pair_fkey"


class Refused(Exception):
    """The statement is refused; a constraint is named where a key refuses."""

    def __init__(self, sqlstate: str, constraint: str = "") -> None:
        super().__init__(sqlstate, constraint)
        self.sqlstate = sqlstate
        self.constraint = constraint


@dataclass(frozen=True)
class User:
    """A row of registered_users."""


@dataclass(frozen=True)
class Channel:
    """A row of main_clients_database."""

    pair: Pair
    owner: UUID


@dataclass(frozen=True)
class Broadcast:
    """A row of broadcast_manager.

    Args:
        created_in: number of the transaction whose trigger or backfill created it; None for a client's own row.
        due_since: what now() was in next_send_time, as the number of that transaction; None when it lies ahead.
    """

    pair: Pair
    owner: UUID
    created_in: int | None
    due_since: int | None
    status: str = "pending"
    active: bool = True
    triggered: bool = False
    failures: int = 0


@dataclass(frozen=True)
class Part:
    """A row of broadcast.delivery_parts; `decided` counts statements."""

    delivery: int
    part: str
    attempt: int
    chat_id: str
    state: str = "intended"
    decided: int = 0
    error_code: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A row of broadcast.deliveries; `claimed` counts statements."""

    broadcast: UUID
    worker: str | None
    claimed: int
    outcome: str | None = None
    expired: bool = False


Row = User | Channel | Broadcast | Delivery | Part
R = TypeVar("R", User, Channel, Broadcast, Delivery, Part)
Id = UUID | int | tuple[int, str, int]


class Key(NamedTuple):
    """Names a row. Ids that only the database knows are UUIDs of ours until they are told (see `Transaction.learn`)."""

    table: type[Row]
    id: Id


Rows = dict[Key, Row | None]
OnConflict = Literal["", "nothing", "update"]


def rows_of(rows: Rows, table: type[R]) -> Iterator[tuple[Id, R]]:
    """The rows of one table that are there, with their ids."""
    for key, row in rows.items():
        if key.table is table and isinstance(row, table):
            yield key.id, row


@dataclass
class Transaction:
    """What one session sees: what is committed, and its own changes on top (READ COMMITTED).

    Args:
        committed: shared by all sessions.
        number: counts transactions in the order of their beginnings, as now() does.
    """

    committed: Rows
    number: int
    own: Rows = field(default_factory=dict)
    unnamed: set[Key] = field(default_factory=set)

    def seen(self) -> Rows:
        """Every row that the next statement sees."""
        return {key: row for key, row in {**self.committed, **self.own}.items() if row is not None}

    def each(self, table: type[R]) -> list[tuple[Id, R]]:
        """The rows of one table."""
        return list(rows_of(self.seen(), table))

    def channel(self, pair: Pair) -> tuple[Key, Channel] | None:
        """The channel of a pair."""
        return next(((Key(Channel, i), c) for i, c in self.each(Channel) if c.pair == pair), None)

    def broadcast(self, pair: Pair) -> tuple[Key, Broadcast] | None:
        """The broadcast row of a pair."""
        return next(((Key(Broadcast, i), b) for i, b in self.each(Broadcast) if b.pair == pair), None)

    def has_user(self, user: UUID) -> bool:
        """Whether the user is there."""
        return self.seen().get(Key(User, user)) is not None

    def commit(self) -> None:
        """Make the changes everybody's.

        Raises:
            Refused: a channel has no broadcast row.
        """
        self.check_deferred()
        self.committed.update(self.own)
        for key in [key for key, row in self.committed.items() if row is None]:
            del self.committed[key]

    def check_deferred(self) -> None:
        """What the deferred key asks at COMMIT."""
        if any(self.broadcast(c.pair) is None for _, c in self.each(Channel)):
            raise Refused("23503", DEFERRED_KEY)

    # Users

    def add_user(self, user: UUID) -> None:
        """INSERT of a user."""
        if self.has_user(user):
            raise Refused("23505")
        self.own[Key(User, user)] = User()

    def delete_user(self, user: UUID) -> None:
        """DELETE of a user: the channels go along, and their broadcast rows."""
        if self.has_user(user):
            self.own[Key(User, user)] = None
            for _, channel in self.each(Channel):
                if channel.owner == user:
                    self.delete_channel(channel.pair)

    # Channels

    def insert_channels(
        self, pairs: Iterable[Pair], owner: UUID, on_conflict: OnConflict = "", own_rows: bool = False
    ) -> int:
        """One INSERT or COPY; gives the number of channels that are new.

        Args:
            pairs: those of the new channels, no pair twice.
            own_rows: the same statement inserts the broadcast rows as well.
        """
        new = [pair for pair in pairs if not on_conflict or self.channel(pair) is None]
        if any(self.channel(pair) is not None for pair in new):
            raise Refused("23505")
        for pair in new:
            self._name_later(Channel, Channel(pair, owner))
        if new and not self.has_user(owner):
            raise Refused("23503", OWNER_KEY)
        for pair in new:
            self._create_broadcast(pair, owner, created=not own_rows)
        return len(new)

    def register(self, pair: Pair, owner: UUID) -> None:
        """register_channel()."""
        if sum(c.owner == owner for _, c in self.each(Channel)) >= MAX_CHANNELS:
            raise Refused("BM001")
        self.insert_channels([pair], owner)

    def update_channel(self, pair: Pair, new_pair: Pair, new_owner: UUID | None) -> bool:
        """UPDATE of a channel's pair and owner (None: stays); gives False where there is no such channel."""
        found = self.channel(pair)
        if found is None:
            return False
        key, channel = found
        if new_pair != pair and self.channel(new_pair) is not None:
            raise Refused("23505")
        owner = new_owner or channel.owner
        if not self.has_user(owner):
            raise Refused("23503", OWNER_KEY)
        self.own[key] = Channel(new_pair, owner)
        # The key's cascade leaves alone what keeps its pair and owner.
        if (row := self.broadcast(pair)) is not None and (new_pair, owner) != (pair, channel.owner):
            self.own[row[0]] = replace(row[1], pair=new_pair, owner=owner)
        return True

    def update_by_function(self, pair: Pair, new_pair: Pair, owner: UUID) -> None:
        """update_channel()."""
        self._own_channel(pair, owner)
        self.update_channel(pair, new_pair, None)

    def delete_channel(self, pair: Pair) -> bool:
        """DELETE of a channel: its broadcast row goes along."""
        found = self.channel(pair)
        if found is None:
            return False
        self.own[found[0]] = None
        self.delete_broadcast(pair)
        return True

    def delete_by_function(self, pair: Pair, owner: UUID) -> None:
        """delete_channel()."""
        self._own_channel(pair, owner)
        self.delete_channel(pair)

    def _own_channel(self, pair: Pair, owner: UUID) -> None:
        found = self.channel(pair)
        if found is None:
            raise Refused("BM007")
        if found[1].owner != owner:
            raise Refused("BM008")

    # Broadcast rows, by a client's own hand

    def insert_broadcast(self, pair: Pair, owner: UUID, on_conflict: OnConflict) -> bool:
        """INSERT of a broadcast row; gives whether the client has an id back."""
        found = self.broadcast(pair)
        if found is not None and found[1].created_in == self.number:
            self.own[found[0]] = None
        elif found is not None:
            if not on_conflict:
                raise Refused("23505")
            return on_conflict == "update"
        self._fits(pair, owner)
        self._create_broadcast(pair, owner, created=False)
        return True

    def delete_broadcast(self, pair: Pair) -> bool:
        """DELETE of a broadcast row; if it was a living channel's, COMMIT refuses."""
        found = self.broadcast(pair)
        if found is not None:
            self.own[found[0]] = None
        return found is not None

    def update_broadcast(self, pair: Pair, new_pair: Pair, new_owner: UUID | None) -> bool:
        """UPDATE of a broadcast row's pair and owner (None: stays)."""
        found = self.broadcast(pair)
        if found is None:
            return False
        key, row = found
        if new_pair != pair and self.broadcast(new_pair) is not None:
            raise Refused("23505")
        owner = new_owner or row.owner
        self._fits(new_pair, owner)
        self.own[key] = replace(row, pair=new_pair, owner=owner)
        return True

    def backfill(self, pairs: Iterable[Pair]) -> None:
        """backfill_broadcast_batch(), of pairs whose channels nobody else has locked."""
        for pair in pairs:
            channel = self.channel(pair)
            if channel is not None and self.broadcast(pair) is None:
                self._create_broadcast(pair, channel[1].owner, created=True)

    def _fits(self, pair: Pair, owner: UUID) -> None:
        channel = self.channel(pair)
        if channel is None or channel[1].owner != owner:
            raise Refused("23503", CASCADE_KEY)

    def _create_broadcast(self, pair: Pair, owner: UUID, *, created: bool) -> None:
        row = Broadcast(pair, owner, created_in=self.number if created else None, due_since=self.number)
        self._name_later(Broadcast, row)

    # Delivery

    def request(self, broadcast: UUID, client: UUID) -> None:
        """request_broadcast()."""
        key = Key(Broadcast, broadcast)
        row = self.seen().get(key)
        if not isinstance(row, Broadcast):
            raise Refused("BM010")
        if row.owner != client:
            raise Refused("BM011")
        if row.status == "in_progress":
            raise Refused("BM013")
        if not row.active:
            raise Refused("BM012")
        if row.triggered:
            raise Refused("BM014")
        self.own[key] = replace(row, status="pending", due_since=self.number, triggered=True)
        for number, delivery in self.unfinished(broadcast):
            self.own[Key(Delivery, number)] = replace(delivery, outcome="superseded")

    def unfinished(self, broadcast: Id) -> list[tuple[Id, Delivery]]:
        """The deliveries of a broadcast that are not finished, one at most."""
        return [(i, d) for i, d in self.each(Delivery) if d.broadcast == broadcast and d.outcome is None]

    def due(self) -> set[Id]:
        """The broadcasts that a worker may claim."""
        return {
            i
            for i, b in self.each(Broadcast)
            if b.active and b.status != "in_progress" and b.due_since is not None and b.due_since <= self.number
        }

    def claim(self, claimed: Iterable[tuple[int, UUID]], worker: str, moment: int) -> None:
        """claim_due_broadcasts(), which gave these deliveries and broadcasts."""
        for number, broadcast in claimed:
            row = self.seen()[Key(Broadcast, broadcast)]
            assert isinstance(row, Broadcast)
            self.own[Key(Broadcast, broadcast)] = replace(row, status="in_progress")
            before = [i for i, _ in self.unfinished(broadcast)]
            assert before in ([], [number]), "a second unfinished delivery of one broadcast"
            self.own[Key(Delivery, number)] = Delivery(broadcast, worker, moment)

    def parts(self, number: int) -> list[Part]:
        """The attempts of a delivery."""
        return [p for _, p in self.each(Part) if p.delivery == number]

    def intend(self, number: int, worker: str, part: str) -> tuple[int, str] | None:
        """intend_part(): attempt and chat, or None where nothing may be sent."""
        delivery = self.seen().get(Key(Delivery, number))
        if not isinstance(delivery, Delivery) or delivery.worker != worker or delivery.outcome is not None:
            return None
        row = self.seen().get(Key(Broadcast, delivery.broadcast))
        if not isinstance(row, Broadcast):
            return None
        attempts = [p for p in self.parts(number) if p.part == part]
        if any(p.state != "failed" for p in attempts):
            return None
        attempt = max((p.attempt for p in attempts), default=0) + 1
        chat = row.pair[0 if part == "open" else 1]
        self._write_part(Part(number, part, attempt, chat))
        self.own[Key(Delivery, number)] = replace(delivery, expired=False)
        return attempt, chat

    def record(self, number: int, part: str, attempt: int, state: str, code: str | None, moment: int) -> None:
        """record_part()."""
        for p in self.parts(number):
            if (p.part, p.attempt) == (part, attempt) and p.state in ("intended", "unknown"):
                self._write_part(replace(p, state=state, decided=moment, error_code=code))

    def _write_part(self, part: Part) -> None:
        self.own[Key(Part, (part.delivery, part.part, part.attempt))] = part

    def expire(self, number: int) -> None:
        """The lease of an unfinished claim ends."""
        delivery = self.seen().get(Key(Delivery, number))
        if isinstance(delivery, Delivery) and delivery.worker is not None and delivery.outcome is None:
            self.own[Key(Delivery, number)] = replace(delivery, expired=True)

    def expired(self) -> list[tuple[Id, Delivery]]:
        """The claims that release_expired_claims() gives back."""
        return [(i, d) for i, d in self.each(Delivery) if d.expired and d.worker is not None and d.outcome is None]

    def finish(self, number: int, worker: str, moment: int) -> str:
        """finish_broadcast()."""
        key = Key(Delivery, number)
        delivery = self.seen().get(key)
        if not isinstance(delivery, Delivery) or delivery.worker != worker or delivery.outcome is not None:
            return "lost"
        for part in self.parts(number):
            if part.state == "intended":
                self._write_part(replace(part, state="unknown", decided=moment, error_code="not_heard_of"))
        row_key = Key(Broadcast, delivery.broadcast)
        row = self.seen().get(row_key)
        idle = replace(delivery, worker=None, expired=False)
        if not isinstance(row, Broadcast):
            self.own[key] = replace(idle, outcome="channel_gone")
            return "channel_gone"
        parts = self.parts(number)
        unknown = sum(p.state == "unknown" for p in parts)
        if sum(p.state == "sent" for p in parts) + unknown == 2:
            outcome = "unknown" if unknown else "sent"
            self.own[key] = replace(idle, outcome=outcome)
            self.own[row_key] = replace(
                row,
                status="failed" if unknown else "completed",
                due_since=None,
                failures=row.failures if unknown else 0,
            )
            return outcome
        settled = {p.part for p in parts if p.state != "failed"}
        failed = [p for p in parts if p.part not in settled and p.decided >= delivery.claimed]
        last = max(failed, key=lambda p: p.decided, default=None)
        if last is None or last.error_code in UNCOUNTED:
            self.own[key] = idle
            self.own[row_key] = replace(row, status="pending", due_since=self.number)
            return "released"
        failures = row.failures + 1
        off = failures >= MAX_FAILURES
        self.own[key] = replace(idle, outcome="failed" if off else None)
        self.own[row_key] = replace(row, status="failed", active=not off, failures=failures, due_since=None)
        return "switched_off" if off else "failed"

    # Ids

    def _name_later(self, table: type[Row], row: Row) -> None:
        key = Key(table, uuid4())
        self.own[key] = row
        self.unnamed.add(key)

    def learn(self, channel_ids: dict[Pair, int], broadcast_ids: dict[Pair, UUID], known: set[Id]) -> None:
        """Take over the ids of new rows from the database; none of them was another row's before."""
        for key in [key for key in self.own if key in self.unnamed]:
            row = self.own.pop(key)
            if isinstance(row, Channel):
                told: UUID | int = channel_ids[row.pair]
            elif isinstance(row, Broadcast):
                told = broadcast_ids[row.pair]
            else:
                continue
            assert told not in known, f"the id {told} was another row's"
            known.add(told)
            self.own[Key(key.table, told)] = row
        self.unnamed.clear()
