"""What verify says to people: each check's findings under its name, then how many there are."""

import textwrap
from collections.abc import Generator, Iterable

from pyapi.checks.violations import Violation


def report(
    found: Iterable[tuple[int, Violation]], examples: int | None, width: int | None
) -> Generator[str, None, None]:
    """The findings as text, in pieces of whole lines, as they come; nothing where there are none.

    Args:
        found: the findings, those of a check together, each with how many its check has; read once, and not kept.
        examples: so many of each check are among them at most, None for all.
        width: columns to wrap sentences to, None for lines of any length. Ids and pairs stay whole.
    """
    counts: dict[str, int] = {}
    last: Violation | None = None
    for count, v in found:
        counts[v.check_name] = count
        yield _finding(v, last, width)
        last = v
    if counts:
        yield _summary(counts, examples, width)


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


def _finding(v: Violation, last: Violation | None, width: int | None) -> str:
    text = ""
    new = last is None or last.check_name != v.check_name
    if new:
        text += f"{'' if last is None else chr(10)}{v.check_name} ({v.severity})\n"
    if last is None or new or last.detail != v.detail:
        text += wrapped(v.detail, width)
    if last is None or new or last.remedy != v.remedy:
        text += wrapped(f"To do: {v.remedy}", width)
    return text + _about(v, width)


def _about(v: Violation, width: int | None) -> str:
    parts = [f"({v.open_channel_id}, {v.closed_channel_id})"] if v.open_channel_id or v.closed_channel_id else []
    parts += [f"client {v.client_id}"] if v.client_id else []
    line = "  " + "  ".join(parts)
    if width is not None and len(line) > width:
        line = "\n".join(f"  {part}" for part in parts)
    text = f"{line}\n" if parts else ""
    return f"{text}  broadcast {v.broadcast_id}\n" if v.broadcast_id else text


def _summary(counts: dict[str, int], examples: int | None, width: int | None) -> str:
    total = sum(counts.values())
    hidden = sum(max(count - examples, 0) for count in counts.values()) if examples is not None else 0
    text = f"\n{plural(total, 'finding')}\n"
    if len(counts) > 1 or hidden:
        longest = max(len(name) for name in counts)
        text += "".join(
            f"  {name:{longest}} {count:>9}{f', {examples} shown' if examples and count > examples else ''}\n"
            for name, count in counts.items()
        )
    if hidden:
        text += wrapped("--all shows all of them, --check NAME those of one check, --json is for programs.", width, 0)
    return text
