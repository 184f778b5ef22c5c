"""The little Markdown that the pages need."""

import textwrap
from collections.abc import Iterable, Sequence


def head(title: str, first: str) -> str:
    """A page's beginning.

    Args:
        title: its heading.
        first: its first paragraph.
    """
    return f"<!-- Written by make generate. Do not edit: change what it is written from. -->\n\n# {title}\n\n{first}\n"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; nothing where there are no rows."""
    lines = [_line(row) for row in rows]
    if not lines:
        return ""
    return "\n".join([_line(columns), _line(["---"] * len(columns)), *lines]) + "\n"


def code(text: str) -> str:
    """Text as code, nothing for none."""
    return f"`{text}`" if text else ""


def _line(cells: Sequence[str]) -> str:
    escaped = (" ".join(cell.split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def wrapped(page: str) -> str:
    """The page with its prose at most 100 columns wide; tables, code and headings stay as they are."""
    lines: list[str] = []
    in_code = False
    for line in page.splitlines():
        in_code ^= line.startswith("```")
        if in_code or len(line) <= 100 or line.startswith(("|", "#")):
            lines.append(line)
        else:
            indent = "  " if line.startswith("- ") else ""
            lines += textwrap.wrap(line, 100, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines) + "\n"
