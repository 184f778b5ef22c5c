"""What lies in sql/ and in migrations/versions stays in order."""

import hashlib

from pyapi.project_file import project_file
from tests.migrations import builds


def test_frozen_files_are_frozen() -> None:
    # A new revision adds its lines: cd migrations/versions && sha256sum *.sql > checksums.sha256
    lines = (builds.VERSIONS / "checksums.sha256").read_text().splitlines()
    committed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in builds.VERSIONS.glob("*.sql")}
    assert found == committed


def test_every_revision_has_its_frozen_pair() -> None:
    slugs = {file.stem for file in builds.VERSIONS.glob("[0-9]*.py")}
    frozen = {file.name for file in builds.VERSIONS.glob("*.sql")}
    assert frozen == {f"{slug}.{way}.sql" for slug in slugs for way in ("up", "down")}
    assert sorted(slug[:4] for slug in slugs) == builds.REVISIONS


def test_no_revision_reads_the_current_definition() -> None:
    for file in builds.VERSIONS.glob("*.py"):
        assert "sql/" not in file.read_text(), file.name


def test_every_object_is_loaded_once() -> None:
    present = {file for file in builds.SQL.glob("*/*.sql") if file.parent.name != "checks"}
    included = builds.included_files()
    assert set(included) == present
    assert len(included) == len(present)


def test_view_is_the_check_that_psql_runs() -> None:
    check = project_file("sql/checks/verify_broadcast_integrity.sql").read_text()
    view = project_file("sql/checks/integrity_violations.sql").read_text()
    assert check.strip() in view
