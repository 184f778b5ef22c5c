"""What lies in sql/ and in migrations/versions stays in order."""

import subprocess

from tests.migrations import builds
from tools.databases import ROOT
from tools.revision import QUERIES, last_release


def test_released_revisions_are_frozen() -> None:
    # Before the first release nothing is.
    if (tag := last_release(ROOT)) is None:
        return
    command = ["git", "diff", "--name-only", "--diff-filter=a", tag, "--", "migrations/versions"]
    changed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert changed.split() == [], f"{tag} was released with these: write a new revision (make revision)"


def test_every_revision_has_its_frozen_pair() -> None:
    slugs = {file.stem for file in builds.VERSIONS.glob("[0-9]*.py")}
    frozen = {file.name for file in builds.VERSIONS.glob("*.sql")}
    assert frozen == {f"{slug}.{way}.sql" for slug in slugs for way in ("up", "down")}
    assert sorted(slug[:4] for slug in slugs) == builds.REVISIONS


def test_no_revision_reads_the_current_definition() -> None:
    for file in builds.VERSIONS.glob("*.py"):
        assert "sql/" not in file.read_text(), file.name


def test_every_object_is_loaded_once() -> None:
    present = {file for file in builds.SQL.rglob("*.sql") if file.name not in QUERIES} - {builds.SQL / "load.sql"}
    included = builds.included_files()
    assert set(included) == present
    assert len(included) == len(present)
