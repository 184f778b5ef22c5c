"""The little Markdown that the pages need."""

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
