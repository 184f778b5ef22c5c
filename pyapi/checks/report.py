"""What verify says to people: each check's findings under its name, then how many there are."""

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from pyapi.checks.violations import Violation

# So many findings of a check are held back, so that they stand together.
HELD = 20


def report(
    violations: Iterable[Violation], examples: int | None, width: int | None, counts: Counter[str]
) -> Iterator[str]:
    """The findings as text, in pieces of whole lines, as they come; nothing where there are none.

    Args:
        violations: the findings; they are read once, and not kept.
        examples: so many of each check are shown, None for all; the others are only counted.
        width: columns to wrap sentences to, None for lines of any length. Ids and pairs stay whole.
        counts: takes how many findings each check has.
    """
    held: dict[str, list[Violation]] = {}
    severities: dict[str, str] = {}
    last: Violation | None = None
    for v in violations:
        counts[v.check_name] += 1
        severities.setdefault(v.check_name, v.severity)
        if examples is not None and counts[v.check_name] > examples:
            continue
        together = held.setdefault(v.check_name, [])
        together.append(v)
        if counts[v.check_name] >= min(HELD, examples or HELD):
            yield _section(together, last, width)
            last = v
            together.clear()
    worst_first = sorted(counts, key=lambda name: (severities[name], name))
    for left in (held[name] for name in worst_first if held.get(name)):
        yield _section(left, last, width)
        last = left[-1]
    if counts:
        yield _summary([(name, counts[name]) for name in worst_first], examples, width)


def plural(count: int, one: str, many: str | None = None) -> str:
    """The number with its noun: 1 finding, 2 findings."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def wrapped(text: str, width: int | None, indent: int = 2) -> str:
    """Lines of a sentence, indented; broken between words only, and only where there is a width."""
    margin = " " * indent
    lines = [margin + line for line in text.splitlines()]
    if width is not None:
        fill = textwrap.TextWrapper(
            width=width,
            subsequent_indent=margin + "  ",
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
        )
        lines = [part for line in lines for part in fill.wrap(line)]
    return "".join(f"{line}\n" for line in lines)


def _section(together: Iterable[Violation], last: Violation | None, width: int | None) -> str:
    text = ""
    for v in together:
        new = last is None or last.check_name != v.check_name
        if new:
            text += f"{'' if last is None else chr(10)}{v.check_name} ({v.severity})\n"
        if last is None or new or last.detail != v.detail:
            text += wrapped(v.detail, width)
        if last is None or new or last.remedy != v.remedy:
            text += wrapped(f"To do: {v.remedy}", width)
        text += _about(v, width)
        last = v
    return text


def _about(v: Violation, width: int | None) -> str:
    parts = [f"({v.open_channel_id}, {v.closed_channel_id})"] if v.open_channel_id or v.closed_channel_id else []
    parts += [f"client {v.client_id}"] if v.client_id else []
    line = "  " + "  ".join(parts)
    if width is not None and len(line) > width:
        line = "\n".join(f"  {part}" for part in parts)
    text = f"{line}\n" if parts else ""
    return f"{text}  broadcast {v.broadcast_id}\n" if v.broadcast_id else text


def _summary(counts: list[tuple[str, int]], examples: int | None, width: int | None) -> str:
    total = sum(count for _, count in counts)
    hidden = sum(max(count - examples, 0) for _, count in counts) if examples is not None else 0
    text = f"\n{plural(total, 'finding')}\n"
    if len(counts) > 1 or hidden:
        longest = max(len(name) for name, _ in counts)
        text += "".join(
            f"  {name:{longest}} {count:>9}{f', {examples} shown' if examples and count > examples else ''}\n"
            for name, count in counts
        )
    if hidden:
        text += wrapped("--all shows all of them, --check NAME those of one check, --json is for programs.", width, 0)
    return text
