"""The documentation as a site: built without a warning, and every link of the repository's pages leads somewhere."""

import re
from pathlib import Path

import pytest

from tools.databases import ROOT

README = sorted(ROOT.glob("*.md"))
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as a repository's page and the site give them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_site_is_built_without_a_warning(site: Path) -> None:
    assert (site / "index.html").is_file()


def test_documents_beside_the_readme_are_on_the_site(site: Path) -> None:
    for document in README:
        assert document.name == "README.md" or (site / "project" / f"{document.stem}.html").is_file(), document.name


# The links of docs/ are looked at when the site is built; README.md is no page of it.
@pytest.mark.parametrize("page", README, ids=lambda page: page.name)
def test_every_link_of_the_documents_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


def test_every_diagram_is_a_picture_that_needs_no_script() -> None:
    # A mermaid block would be drawn by a script from another host, or not at all.
    assert [page.name for page in (ROOT / "docs").rglob("*.md") if "```mermaid" in page.read_text("utf-8")] == []
