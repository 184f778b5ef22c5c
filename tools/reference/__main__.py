"""Writes the pages of docs/reference/: ``make generate``."""

from demo.embedded import embedded_server
from tools import databases
from tools.reference.pages import PAGES

FOLDER = databases.ROOT / "docs" / "reference"


def main() -> None:
    """Upgrade an empty database, and write each page anew."""
    with (
        embedded_server(fast=True) as server_url,
        databases.upgraded_database(server_url) as url,
        databases.connect(url) as conn,
    ):
        for name, page in PAGES.items():
            (FOLDER / name).write_text(page(conn), encoding="utf-8")


if __name__ == "__main__":
    main()
