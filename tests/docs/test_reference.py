"""docs/reference/ says what the sources say, and everything in the database says what it is for."""

import re
from pathlib import Path

import pytest
import uvicorn
from pydantic_settings import BaseSettings

from tools import databases
from tools.reference import settings
from tools.reference.pages import PAGES
from tools.reference.sql_objects import read_objects

DOCS = databases.ROOT / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_page_is_written_from_the_sources_as_they_are(database: str, name: str) -> None:
    with databases.connect(database) as conn:
        assert (DOCS / "reference" / name).read_text(encoding="utf-8") == PAGES[name](conn), "write it: make generate"


def test_everything_of_ours_has_a_comment(database: str) -> None:
    with databases.connect(database) as conn:
        silent = [
            f"{o.kind} {o.parent or ''} {o.name}"
            for o in read_objects(conn)
            if not o.comment and o.kind != "view column"
        ]
    assert silent == []


def test_page_leaves_no_object_out(database: str) -> None:
    with databases.connect(database) as conn:
        listed = {o.name for o in read_objects(conn)}
    found_there = {"registered_users", "main_clients_database", "broadcast_manager"}
    # They look after what others made, and make nothing.
    no_objects = {"left_out", "no_row_level_security", "nobody_else"}
    files = [file for file in (databases.ROOT / "sql").glob("*/*.sql") if file.parent.name != "checks"]
    assert {file.name.partition(".")[0] for file in files} - found_there - no_objects <= listed


def test_every_setting_is_on_the_page() -> None:
    classes = {
        name
        for file in (databases.ROOT / "pyapi").rglob("*.py")
        for name in re.findall(r"^class (\w+)\(BaseSettings\)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert {kind.__name__ for kind in settings.KINDS.values()} == classes
    assert all(issubclass(kind, BaseSettings) for kind in settings.KINDS.values())


def test_default_of_a_library_s_setting_is_the_library_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert settings.OTHERS["FORWARDED_ALLOW_IPS"][0] == uvicorn.Config("", log_config=None).forwarded_allow_ips


def test_page_of_the_api_names_every_call() -> None:
    calls = re.findall(
        r"^## [A-Z]+ (/\S+)$", (DOCS / "reference" / "http.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    table = [line for line in (DOCS / "api.md").read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert calls
    assert [call for call in calls if f"{call}`" not in "".join(table)] == []


def codes_in(*files: Path) -> set[str]:
    return {code for file in files for code in re.findall(r"\bBM\d{3}\b", file.read_text(encoding="utf-8"))}


def test_every_code_that_is_raised_is_on_the_page() -> None:
    root = databases.ROOT
    raised = codes_in(*root.glob("sql/*/*.sql"), *root.glob("migrations/**/*.sql"), *root.glob("migrations/*.py"))
    assert codes_in(DOCS / "reference" / "errors.md") == raised
