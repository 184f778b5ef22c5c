"""What docs/logs.md says: each event with its level and its fields."""

import re
from dataclasses import dataclass

from tools.databases import ROOT

# The page says once of which lines these are.
EVERY_LINE = {"event", "level", "timestamp", "request_id"}
_ROW = re.compile(r"^\| `([a-z_]+\.[a-z_]+)` \| (\w+) \| (.*?) \|", re.MULTILINE)


@dataclass(frozen=True)
class Event:
    """A row of the table."""

    name: str
    level: str
    fields: frozenset[str]


def documented_events() -> dict[str, Event]:
    """All rows of the table, by the event's name."""
    text = (ROOT / "docs" / "logs.md").read_text().partition("\n## Events\n")[2]
    return {
        name: Event(name, level, frozenset(re.findall(r"`(\w+)`", fields)))
        for name, level, fields in _ROW.findall(text)
    }
