"""What broadcast-manager status --watch draws: broadcast.health() on a terminal of 80 columns."""

from datetime import datetime

from rich.console import Group
from rich.table import Table
from rich.text import Text

from pyapi.checks.health import Health

_BARS = " ▁▂▃▄▅▆▇█"


def screen(health: Health) -> Group:
    """The picture of one moment."""
    head = Text("It is well.", "bold green") if not health.problems else Text("It is not well.", "bold red")
    head.append(f"  {health.now:%d %b %Y, %H:%M:%S} UTC", "dim")
    facts = Table.grid(padding=(0, 2))
    in_force = health.parts - len(health.missing)
    facts.add_row(
        "rule", f"{in_force} of {health.parts} parts in force; last full check {_ago(health, health.checked_at)}"
    )
    facts.add_row("sending", "on" if health.is_sending else "off")
    facts.add_row(
        "due", f"{health.due}" + (f", the oldest {_ago(health, health.oldest_due)}" if health.oldest_due else "")
    )
    if health.waits_for_telegram_until:
        facts.add_row("telegram", f"makes the bot wait until {health.waits_for_telegram_until:%H:%M:%S} UTC")
    facts.add_row("sent", _bars([hour.sent for hour in health.hours]))
    facts.add_row("failed", _bars([hour.failed for hour in health.hours]))
    facts.add_row("unknown", _bars([hour.unknown for hour in health.hours]))
    facts.add_row("", Text("48 hours, the last on the right", "dim"))
    workers = Table("worker", "release", "state", "holds", "last look", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    workers.columns[0].overflow = "fold"
    for worker in health.workers:
        style = "red" if worker.state == "stalled" else ""
        holds = f"{worker.holds} of {worker.concurrency}"
        workers.add_row(
            worker.process, worker.version, worker.state, holds, _ago(health, worker.last_look), style=style
        )
    problems = [Text(f"- {problem}", "red") for problem in health.problems]
    shown: list[str | Table] = ["", workers] if health.workers else []
    return Group(head, *problems, "", facts, *shown)


def _bars(counts: list[int]) -> str:
    most = max([1, *counts])
    bars = "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for count in counts)
    return f"{bars}  {sum(counts):,}"


def _ago(health: Health, moment: datetime | None) -> str:
    if moment is None:
        return "never"
    seconds = max(0, round((health.now - moment).total_seconds()))
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {name} ago"
    return f"{seconds} s ago"
