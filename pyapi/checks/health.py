"""Is it well? What broadcast.health() tells, and for page and terminal in sentences what is not well and what to do."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_LONG = timedelta(minutes=10)


@dataclass(frozen=True)
class Worker:
    """A worker; state is stalled, sending or idle, holds how many broadcasts it has claimed."""

    process: str
    version: str
    bot: str
    concurrency: int
    started_at: datetime
    last_look: datetime
    holds: int
    state: str


@dataclass(frozen=True)
class Hour:
    """How many deliveries ended in an hour, by outcome."""

    hour: datetime
    sent: int
    failed: int
    unknown: int


@dataclass(frozen=True)
class Outage:
    """Many channels fail alike, with this error, so many when it was noticed."""

    error_code: str
    channels: int
    began_at: datetime


@dataclass(frozen=True)
class Health:
    """How it stands at a moment; parts is how many parts the rule has, missing which are not in force."""

    now: datetime
    parts: int
    missing: list[str]
    checked_at: datetime | None
    violations: int
    is_sending: bool
    note: str | None
    outage: Outage | None
    waits_for_telegram_until: datetime | None
    due: int
    oldest_due: datetime | None
    workers: list[Worker]
    hours: list[Hour]

    @property
    def problems(self) -> list[str]:
        """What is not well, worst first, each with what to do; empty when all is well."""
        found = []
        if self.missing:
            found.append(
                f"The rule is not in force: {', '.join(self.missing)}. broadcast-manager doctor says how to mend it."
            )
        if self.violations:
            found.append(
                f"The last full check found {self.violations} that break the rule: broadcast-manager verify lists them."
            )
        if not self.is_sending:
            why = (self.note or "no reason was given").rstrip(".")
            found.append(f"Sending is off: {why}. To switch it on: broadcast-manager sending on.")
        if self.outage:
            found.append(
                f"Many channels fail alike ({self.outage.error_code}): nobody's failures are counted, and one"
                " broadcast now and then tries whether it is over. It goes on by itself."
            )
        running = [worker for worker in self.workers if worker.state != "stalled"]
        if not running:
            found.append("No worker runs, so nothing is sent. To start one: broadcast-manager worker.")
        found += [
            f"Worker {worker.process} has not looked since {worker.last_look:%H:%M:%S} UTC: it was killed, or cannot"
            " reach the database. See its log: journalctl -u 'broadcast-manager-worker@*'."
            for worker in self.workers
            if worker.state == "stalled"
        ]
        if self.is_sending and running and not self.outage and self.oldest_due and self.now - self.oldest_due > _LONG:
            found.append("Broadcasts wait for more than ten minutes: more workers help, or Telegram is slow.")
        return found

    @property
    def most_in_an_hour(self) -> int:
        """The largest number of deliveries of an hour, 1 at least."""
        return max([1, *(hour.sent + hour.failed + hour.unknown for hour in self.hours)])


def parse_health(text: str) -> Health:
    """What broadcast.health() wrote."""
    found = json.loads(text)
    rule, check, sending, queue = (found[name] or {} for name in ("rule", "check", "sending", "queue"))
    outage = found["outage"]
    return Health(
        now=datetime.fromisoformat(found["now"]),
        parts=rule["parts"],
        missing=rule["missing"],
        checked_at=_moment(check.get("checked_at")),
        violations=check.get("violations", 0),
        is_sending=sending["is_on"],
        note=sending["note"],
        outage=outage and Outage(outage["error_code"], outage["channels"], datetime.fromisoformat(outage["began_at"])),
        waits_for_telegram_until=_moment(found["waits_for_telegram_until"]),
        due=queue["due"],
        oldest_due=_moment(queue["oldest_due"]),
        workers=[
            Worker(**{**worker, **{name: datetime.fromisoformat(worker[name]) for name in ("started_at", "last_look")}})
            for worker in found["workers"]
        ],
        hours=[Hour(**{**hour, "hour": datetime.fromisoformat(hour["hour"])}) for hour in found["hours"]],
    )


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
